"""The checks behind `make check` and the translation catalogue behind `make messages`."""
