"""The dashboard as it was: ten queries one after another, with bounds reckoned by whoever asks."""

from datetime import datetime, timedelta
from typing import Any

import asyncpg

_PAID = """
select sum(total_amount), sum(refund_amount) from payments
where salon_id = $1 and status = 'completed' and created_at >= $2 and created_at < $3
"""
_MET = """
select count(*) from appointments
where salon_id = $1 and start_time >= $2 and start_time < $3 and coalesce(status, '') not in ('cancelled', 'no_show')
"""
"""Spelt so that the index serves that is there for the dashboard."""
_NEW = "select count(*) from clients where salon_id = $1 and created_at >= $2 and created_at < $3"
_ZONE = "select timezone from salons where id = $1"
_CLIENTS = "select count(*) from clients where salon_id = $1 and is_active"
_VIPS = "select count(*) from clients where salon_id = $1 and is_active and tags @> '{VIP}'"
_RATING = "select avg(rating), count(rating) from reviews where salon_id = $1 and is_approved"


async def ten_queries(connection: asyncpg.Connection, salon: str, now: datetime) -> dict[str, Any]:
    """Return what the old code returned."""
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    following = (month + timedelta(days=32)).replace(day=1)
    before = (month - timedelta(days=1)).replace(day=1)
    return {
        "timezone": await connection.fetchval(_ZONE, salon),
        "revenue": [await connection.fetchrow(_PAID, salon, *span) for span in ((month, following), (before, month))],
        "appointments": [
            await connection.fetchval(_MET, salon, *span) for span in ((month, following), (before, month))
        ],
        "newClients": [await connection.fetchval(_NEW, salon, *span) for span in ((month, following), (before, month))],
        "totalClients": await connection.fetchval(_CLIENTS, salon),
        "vipClients": await connection.fetchval(_VIPS, salon),
        "rating": await connection.fetchrow(_RATING, salon),
    }
