"""Who is known by which token."""

import pytest

from notifyd.web.callers import EVERYBODY, MASTER, Caller, Callers

KNOWN = Callers("master", [("owner", "owner-1"), ("owner", "owner-2"), ("desk", "tökén=")])


@pytest.mark.parametrize(
    ("header", "caller"),
    [
        ("Bearer master", MASTER),
        ("bearer  master ", MASTER),
        ("Bearer owner-1", Caller("owner")),
        ("Bearer owner-2", Caller("owner")),
        ("Bearer tökén=", Caller("desk")),
        ("Basic master", None),
        ("Bearer owner-", None),
        ("Bearer owner-11", None),
        ("Bearer \udcff\udcfe", None),
        ("Bearer", None),
        ("", None),
    ],
)
def test_who(header: str, caller: Caller | None) -> None:
    """One token, one caller; a role may have several tokens, and a part of one is none."""
    assert caller == KNOWN.who(header)


def test_without_a_token_everybody_may() -> None:
    """Where no token is set nobody is asked for one, whatever he brings."""
    assert [EVERYBODY, EVERYBODY] == [Callers(None).who(header) for header in ("", "Bearer anything")]


def test_what_a_role_may_see() -> None:
    """What names the role; the token that opens all sees what names nobody."""
    assert [True, False, False] == [Caller("desk").may_see(roles) for roles in (("owner", "desk"), ("owner",), ())]
    assert EVERYBODY.may_see(())
