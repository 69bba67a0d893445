"""Simulated chargers, for the demonstration and the tests.

They speak through the client classes of the `ocpp` package and share no code with the gateway, so
that a misreading of the standard on one side does not cancel out on the other.
"""
