"""docs/guarantees.md: nobody edits it by hand, and it promises no more than the suite has seen."""

import pytest

from crash.outcomes import Outcome, cell, uncell
from crash.page import CAUSES, PAGE, promised, render
from crash.scenarios import CHANNELS, SCENARIOS


def test_the_page_is_its_words_and_its_table() -> None:
    """The page is what the suite would write from its own table: neither words nor summary were changed in place."""
    assert render(promised()) == PAGE.read_text()


def test_every_scenario_and_every_fault_has_its_row() -> None:
    """Nothing is promised that is not tried, and nothing is tried without a promise."""
    tried = {(scenario.name, cause, channel) for scenario in SCENARIOS for cause in CAUSES for channel in CHANNELS}
    assert tried == promised().keys()


def test_no_sms_is_promised_twice() -> None:
    """Whatever the suite has seen, the page's first promise stands."""
    twice = {Outcome.TWICE, Outcome.THRICE, Outcome.WRONG}
    assert {} == {key: seen for key, seen in promised().items() if key[2] == "sms" and seen & twice}


@pytest.mark.parametrize("seen", [{Outcome.ONCE}, {Outcome.TWICE, Outcome.ONCE}, set(Outcome)])
def test_a_cell_reads_as_it_was_written(seen: set[Outcome]) -> None:
    """What the small suite compares with is what the whole one saw."""
    assert seen == uncell(cell(seen))
