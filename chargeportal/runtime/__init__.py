"""Runs the product on one machine: embedded PostgreSQL and Valkey, and the supervisor behind `make run`.

Nothing in here is needed where the database, the broker and the processes are managed by something else.
"""
