"""The operator's verbs, one file each: they read the arguments, call what does the work, and print.

May import the daemon, settings, store and content. Errors are explained on standard error and end in an exit code.
"""

from notifyd.cli.app import app, main

__all__ = ["app", "main"]
