"""Acts of chaos, a file for each thing that breaks. Each takes its cue, says what it does, and mends it in the end."""
