"""What takes the answers of the web out of date, as the daemon puts it together."""

import re

import aiohttp

from notifyd.store.listen import CHANGES
from support.waiting import until
from support.world import World


async def test_inserts_settles_and_notifications_are_noticed(world: World) -> None:
    """The wake of an insert, the settle after it, and a word from any program, are noticed."""
    with world.daemon() as daemon:
        await daemon.wait_for_event("listen.ready")
        async with aiohttp.ClientSession(await daemon.http()) as http:

            async def notices(cause: str) -> float:
                async with http.get("/metrics") as answer:
                    text = await answer.text()
                found = re.search(rf'^notifyd_cache_notices_total\{{cause="{cause}"\}} (\S+)$', text, re.MULTILINE)
                return float(found[1]) if found else 0.0

            async def completed(jobs: int) -> bool:
                async with http.get("/stats") as answer:
                    return bool(jobs == (await answer.json())["jobs"]["completed"])

            wakes, words = await notices("wake"), await notices("notify")
            assert (await world.settled(await world.insert()))["status"] == "completed"
            await until(lambda: completed(1))

            async def woken() -> bool:
                return await notices("wake") > wakes

            async def told() -> bool:
                return await notices("notify") == words + 1

            await until(woken)
            await world.booking.execute(f"notify {CHANGES}, 'salon-1'")
            await until(told)
            async with http.get("/dashboards") as answer:
                assert {"salon", "notifications"} <= {each["name"] for each in (await answer.json())["data"]}


async def test_settles_alone_are_noticed(world: World) -> None:
    """A daemon that cannot listen takes its own settles for what they are."""
    with world.daemon(poll_interval=0.2, listen_url="postgresql://127.0.0.1:1/nowhere") as daemon:
        await daemon.wait_for_event("listen.lost")
        async with aiohttp.ClientSession(await daemon.http()) as http:
            assert (await world.settled(await world.insert()))["status"] == "completed"

            async def noticed() -> bool:
                async with http.get("/metrics") as answer:
                    return 'notifyd_cache_notices_total{cause="wake"} ' in await answer.text()

            await until(noticed)
