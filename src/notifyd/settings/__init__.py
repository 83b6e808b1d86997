"""The only reader of environment, configuration file and credentials.

`load` returns `Settings`, or raises `ConfigurationError` naming every key that is wrong and its cure. Imports nothing
else of notifyd: below the composition root, functions receive plain values.
"""

from notifyd.settings.keys import Settings
from notifyd.settings.load import ConfigurationError, is_debugging, load
from notifyd.settings.rules import Need

__all__ = ["ConfigurationError", "Need", "Settings", "is_debugging", "load"]
