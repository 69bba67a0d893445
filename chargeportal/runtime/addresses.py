"""Checks, before anything starts, that what we were told to use can be used."""

from __future__ import annotations

import errno
import socket
from urllib.parse import urlsplit

import psycopg
import redis

EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - the user may ask for it
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]", ".localhost")


class CannotStart(RuntimeError):
    """Something the user can put right; the text says what, in one line."""


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address; raise CannotStart when it is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(1)  # a bound socket alone does not keep others from listening here
    except (OSError, OverflowError) as error:
        bound.close()
        taken = getattr(error, "errno", None) == errno.EADDRINUSE
        reason = "is in use" if taken else f"cannot be used ({error})"
        raise CannotStart(f"Port {port} on {host} {reason}; choose another: PORT=8001 make run") from error
    return bound


def check_database(url: str) -> None:
    """Raise CannotStart unless the database lets us in."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except (psycopg.Error, UnicodeError) as error:
        raise CannotStart(f"DATABASE_URL cannot be reached: {_one_line(error)}") from error


def demo_is_in(url: str) -> bool:
    """Say whether the database has the demo's operator, and so its stations and drivers."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        found = connection.execute(
            "SELECT 1 FROM accounts_user WHERE email = 'operator@demo.test'"
        ).fetchone()
    return found is not None


def check_redis(url: str) -> None:
    """Raise CannotStart unless the Redis or Valkey server answers."""
    try:
        with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
            client.ping()
    except (redis.RedisError, ValueError, OSError) as error:
        raise CannotStart(f"REDIS_URL cannot be reached: {_one_line(error)}") from error


def reachable_host(host: str) -> str:
    """Return an address by which a server that listens on `host` is reached from this machine."""
    return EVERY_ADDRESS.get(host, host)


def page_address(host: str, port: int) -> str:
    """Return the address to open in a browser."""
    shown = reachable_host(host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"


def default_allowed_hosts(host: str) -> list[str]:
    """Return the host names that people will use for a server that listens on `host`."""
    if host not in EVERY_ADDRESS:
        return [*LOCAL_NAMES, f"[{host}]" if ":" in host else host]
    name = socket.gethostname()
    try:
        addresses = {str(info[4][0]) for info in socket.getaddrinfo(name, None)}
    except OSError:
        addresses = set()
    return [*LOCAL_NAMES, name, *sorted(f"[{a}]" if ":" in a else a for a in addresses)]


def _one_line(error: Exception) -> str:
    """Return the first line of an error, without any password of an address in it."""
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    words = (word if "://" not in word else urlsplit(word).hostname or "…" for word in line.split())
    return " ".join(words)
