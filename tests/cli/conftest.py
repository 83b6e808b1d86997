"""Fixtures for the command line."""

from pathlib import Path

import pytest

from support.command_line import CommandLine


@pytest.fixture
def notifyd(tmp_path: Path) -> CommandLine:
    """Give the command line, without any configuration."""
    return CommandLine(tmp_path)
