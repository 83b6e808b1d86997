"""The loops: they own concurrency and decide nothing. `attempt.py` is the page to read first."""
