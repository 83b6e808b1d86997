"""Measures notifyd beside the original worker and a bare loop, in one run on one durable PostgreSQL: `./run bench`.

Start reading at `contest.py`. Figures of two runs cannot be compared, ratios of one run can: see docs/performance.md.
"""
