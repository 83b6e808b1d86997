"""The transports that reach nobody."""

from email import message_from_bytes, policy
from pathlib import Path

from notifyd.model.outcome import Paused, Permanent, Sent
from notifyd.transports.folder import FolderTransport
from notifyd.transports.null import NullTransport
from transports.sending import EMAIL, KEY, SMS, email, outcome


async def test_folder_keeps_one_file_for_each_message(tmp_path: Path) -> None:
    """A message sent twice is there once, as the later attempt had it, and nothing half-written lies beside it."""
    folder = tmp_path / "made" / "when needed"
    transport = FolderTransport(folder)
    for message in (EMAIL, SMS, email(subject="Later")):
        assert isinstance(await outcome(transport, message), Sent)
    assert [f"{KEY}.email.eml", f"{KEY}.sms.txt"] == sorted(path.name for path in folder.iterdir())
    mail = message_from_bytes((folder / f"{KEY}.email.eml").read_bytes(), policy=policy.default)
    assert ("Later", "Ada Lovelace <ada@client.example>") == (mail["Subject"], mail["To"])
    assert f"To: {SMS.to}\n\n{SMS.body}\n" == (folder / f"{KEY}.sms.txt").read_text()


async def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A folder that is none is no job's fault, and the reason tells no path."""
    (tmp_path / "file").write_text("")
    transport = FolderTransport(tmp_path / "file" / "below")
    assert Paused("the folder cannot be written: Not a directory", loud=True) == await outcome(transport, EMAIL)


async def test_folder_and_an_address_that_is_none(tmp_path: Path) -> None:
    """What SMTP would refuse to compose is refused here too."""
    expected = Permanent("To: not one plain e-mail address")
    assert expected == await outcome(FolderTransport(tmp_path), email(to="a@b, c@d"))


async def test_null_says_yes() -> None:
    """Everything is accepted, and the receipt tells the channels of a job apart."""
    assert Sent(f"null:{KEY}.email") == await outcome(NullTransport(), EMAIL)
    assert Sent(f"null:{KEY}.sms") == await outcome(NullTransport(), SMS)
