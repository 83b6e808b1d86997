"""notifyd sends the e-mails and SMS that booking systems write as rows into PostgreSQL.

The path of a job, and where each step lives, is told in `docs/architecture.md`.
"""

from importlib.metadata import version

__version__ = version("notifyd")
