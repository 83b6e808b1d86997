"""A transport that writes messages to a folder, for trying a set-up out: e-mails as `.eml`, SMS as text.

One file for each job and channel, so that a repeated send leaves one. What can go wrong is the file system: `Paused`,
as no job is at fault.
"""

import os
from pathlib import Path
from tempfile import TemporaryFile

import anyio.to_thread

from notifyd.model.message import Email, Message
from notifyd.model.outcome import Paused, Permanent, SendError, Sent
from notifyd.transports.mime import compose

_SENDER = "notifyd@outbox.invalid"  # RFC 6761: nobody's


class FolderTransport:
    """Writes `<key>.email.eml` and `<key>.sms.txt`.

    Attributes:
        sender: Nobody: nothing leaves the machine.
    """

    sender = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: Message) -> Sent:
        """Write one message, in whole or not at all.

        Returns:
            The name of the file.

        Raises:
            SendError: `Paused` if the folder cannot be written, `Permanent` for an address no header can hold.
        """
        try:
            name, content = _file(message)
        except ValueError as exc:
            raise SendError(Permanent(str(exc))) from None
        try:
            await anyio.to_thread.run_sync(self._write, name, content)
        except OSError as exc:
            raise SendError(Paused(f"the folder cannot be written: {exc.strerror}", loud=True)) from None
        return Sent(name)

    async def prove(self) -> str:
        """Make the folder, if it is not there, and write an empty file that is taken away again.

        Raises:
            SendError: `Paused` if the folder cannot be written.
        """
        try:
            await anyio.to_thread.run_sync(self._try)
        except OSError as exc:
            raise SendError(Paused(f"the folder cannot be written: {exc.strerror}", loud=True)) from None
        return f"messages become files in {self._folder}"

    def _try(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=self._folder):
            pass

    def _write(self, name: str, content: bytes) -> None:
        """Write beside and rename, so that nobody reads half a message."""
        self._folder.mkdir(parents=True, exist_ok=True)
        beside = self._folder / f".{name}.{os.getpid()}.part"
        beside.write_bytes(content)
        beside.replace(self._folder / name)


def _file(message: Message) -> tuple[str, bytes]:
    if isinstance(message, Email):
        return f"{message.key}.email.eml", compose(message, _SENDER).data
    return f"{message.key}.sms.txt", f"To: {message.to}\n\n{message.body}\n".encode("utf-8", "replace")
