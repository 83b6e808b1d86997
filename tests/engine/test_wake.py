"""Many signals, one wake: none is lost, none is heard twice."""

import anyio

from notifyd.engine.wake import Wake

NEVER = 3600.0


async def test_the_poll() -> None:
    """When nothing rings, the poll is what wakes."""
    wake = Wake()
    with anyio.fail_after(5):
        assert ["poll", "poll"] == [await wake.wait(0.01) for _ in range(2)]


async def test_a_ring_while_nobody_waits() -> None:
    """A signal that came too early is heard by the next wait, once."""
    wake = Wake()
    wake.ring("notify")
    with anyio.fail_after(5):
        assert ["notify", "poll"] == [await wake.wait(0.01) for _ in range(2)]


async def test_rings_collapse() -> None:
    """However many rang, one wake answers them all; the first is named."""
    wake = Wake()
    for _ in range(2):
        wake.ring("due")
        wake.ring("notify")
    with anyio.fail_after(5):
        assert ["due", "poll"] == [await wake.wait(0.01) for _ in range(2)]


async def test_a_ring_while_somebody_waits() -> None:
    """A waiter is woken at once, long before its poll; a ring right after is kept for its next wait."""
    wake = Wake()
    heard: list[str] = []

    async def waiter() -> None:
        heard.append(await wake.wait(NEVER))
        heard.append(await wake.wait(NEVER))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waiter)
            await anyio.wait_all_tasks_blocked()
            wake.ring("notify")
            wake.ring("notify")
            await anyio.wait_all_tasks_blocked()
            assert ["notify"] == heard
            wake.ring("due")
    assert ["notify", "due"] == heard
