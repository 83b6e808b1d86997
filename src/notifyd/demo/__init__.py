"""The embedded default: everything around the daemon that a fresh machine lacks, for a demonstration and for the tests.

An optional extra; nothing of it runs where notifyd sends to real people.
"""
