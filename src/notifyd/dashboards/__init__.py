"""Reads the definitions of dashboards: folders of a TOML file and the statements that it names.

It knows what a definition must say, and tells every mistake by file, key and cure. It may not ask the database: whether
the tables of a statement are there is found by the store.
"""

from notifyd.dashboards.load import Definitions, load

__all__ = ["Definitions", "load"]
