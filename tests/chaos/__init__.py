"""`./run chaos`: three daemons, everything that can break them at random, and a judge with ledgers of its own.

It prints one line for each act of chaos, and ends with one table. Nothing leaves 127.0.0.1. What it may not do: excuse
a message that was lost or doubled. What can go wrong is what it is for.
"""
