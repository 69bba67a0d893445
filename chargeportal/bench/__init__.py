"""The benchmark of the OCPP gateway: `make bench`."""
