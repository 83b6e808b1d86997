"""The nouns and rules of notifyd: pure values, no clock, no randomness, no I/O."""
