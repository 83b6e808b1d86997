"""The bounded place for answers."""

from hypothesis import given
from hypothesis import strategies as st

from notifyd.web.shelf import Shelf


def test_what_nobody_asked_for_goes_first() -> None:
    """Asking for a thing keeps it, however long ago it was made."""
    shelf: Shelf[str, int] = Shelf(2, 100)
    assert [0, 0] == [shelf.put("a", 1, 10), shelf.put("b", 2, 10)]
    assert 1 == shelf.get("a")
    assert 1 == shelf.put("c", 3, 10)
    assert (1, None, 3) == (shelf.get("a"), shelf.get("b"), shelf.get("c"))


def test_what_is_too_large_is_not_kept() -> None:
    """One thing that is larger than the whole place clears it, and goes as well."""
    shelf: Shelf[str, int] = Shelf(10, 100)
    shelf.put("a", 1, 10)
    assert 2 == shelf.put("b", 2, 101)
    assert (0, 0, None) == (len(shelf), shelf.weight, shelf.get("b"))


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 60))))
def test_the_bounds_hold(steps: list[tuple[str, int]]) -> None:
    """Whatever is put there, number and bytes stay within bounds, and the weight is that of what is there."""
    shelf: Shelf[str, int] = Shelf(3, 100)
    for key, size in steps:
        shelf.put(key, size, size)
        assert len(shelf) <= 3
        assert sum(shelf.get(key) or 0 for key in "abcde") == shelf.weight <= 100
