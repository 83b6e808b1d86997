"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The configuration file.  [default: /etc/notifyd/notifyd.toml, if it is there]",
    ),
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
