"""The bell that rests."""

import anyio
import pytest

from notifyd.web.seldom import Seldom


@pytest.mark.parametrize("rings", [1, 1_000])
async def test_rung_often_it_sounds_seldom(rings: int) -> None:
    """The first ring sounds at once; all that follow during the rest sound once, when it is over."""
    struck: list[float] = []
    second = anyio.Event()

    def strike() -> None:
        struck.append(anyio.current_time())
        if len(struck) == 2:
            second.set()

    bell = Seldom(strike, 0.2)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bell.run)
        rung = anyio.current_time()
        bell.ring()
        await anyio.wait_all_tasks_blocked()
        assert 1 == len(struck)
        assert struck[0] - rung < 0.15
        for _ in range(rings):
            bell.ring()
        await anyio.wait_all_tasks_blocked()
        assert 1 == len(struck)
        with anyio.fail_after(5):
            await second.wait()
        tasks.cancel_scope.cancel()
    assert 2 == len(struck)
    assert struck[1] - struck[0] >= 0.2
