"""Through PgBouncer in transaction mode: the poll does the work, LISTEN is known to be deaf, nothing is sent twice."""

from notifyd.demo.postgres import Cluster
from support.databases import Databases
from support.pgbouncer import pgbouncer
from support.world import World


async def test_a_pooler_costs_speed_alone(world: World, databases: Databases) -> None:
    """Two daemons share two connections of PgBouncer: deaf and said so, yet each job is sent once, at the next poll."""
    await world.insert_many(200)
    with pgbouncer(databases.cluster, connections=2) as port:
        world.dsn = _through(databases.cluster, world.dsn, port)
        settings = {"poll_interval": 0.5, "max_in_flight": 40}
        with world.daemon(**settings) as daemon, world.daemon(**settings) as other:
            assert {"completed": 200} == await world.all_settled(60)
            deaf = await daemon.wait_for_event("listen.deaf", timeout=15)
            assert "LISTEN_URL" in deaf["cure"]
            late = await world.insert()
            assert "completed" == (await world.settled(late, timeout=5))["status"]
            assert [] == [event for each in (daemon, other) for event in each.events() if event["event"] in _TROUBLE]
            assert daemon.events("job.completed")
            assert other.events("job.completed")
    assert 1 == await world.booking.fetchval("select max(attempts) from notification_jobs")
    assert 201 == len({mail.message_id for mail in world.mail.mails}) == len(world.mail.mails)
    assert 201 == len({sms.to for sms in world.twilio.messages}) == len(world.twilio.messages)


_TROUBLE = ("database.away", "job.unsettled", "job.bug", "upkeep.bug", "library.failed", "lease.lost")


def _through(cluster: Cluster, dsn: str, port: int) -> str:
    return dsn.replace(f":{cluster.port}/", f":{port}/") + "&pgbouncer=true"
