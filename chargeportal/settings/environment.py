"""Reads the environment; every variable that changes the product's behaviour is read through here."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from psycopg.conninfo import conninfo_to_dict


def text(name: str, default: str = "") -> str:
    """Return a variable, or the default when it is missing or empty."""
    return os.environ.get(name) or default


def flag(name: str, *, default: bool = False) -> bool:
    """Return a variable as a yes or no."""
    value = os.environ.get(name)
    return default if not value else value.strip().lower() in {"1", "true", "yes", "on"}


def number(name: str, default: int) -> int:
    """Return a variable as a whole number."""
    return int(os.environ.get(name) or default)


def items(name: str, default: list[str]) -> list[str]:
    """Return a comma-separated variable as a list."""
    value = os.environ.get(name)
    return default if not value else [part.strip() for part in value.split(",") if part.strip()]


def secret_key(var: Path) -> str:
    """Return SECRET_KEY, else the key of this installation, made once and kept in `$VAR/secret_key`."""
    given = os.environ.get("SECRET_KEY")
    if given:
        return given
    path = var / "secret_key"
    try:
        return _read_secret(path)
    except FileNotFoundError:
        var.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"secret_key.{os.getpid()}")
        unfinished.touch(mode=0o600)
        unfinished.write_text(secrets.token_urlsafe(64))
        with contextlib.suppress(FileExistsError):
            os.link(unfinished, path)  # the first process to get here wins, the others read its key
        unfinished.unlink()
        return _read_secret(path)


def _read_secret(path: Path) -> str:
    return path.read_text().strip()


def database(url: str) -> dict[str, Any]:
    """Return Django's settings for a libpq address (any form libpq understands)."""
    parts = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", "chargeportal"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": str(parts.pop("port", "")),
        "OPTIONS": parts,
    }


def celery_broker(redis_url: str) -> str:
    """Return a Redis address in the spelling Celery wants for Unix sockets."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    number_of_db = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{unquote(parts.path)}?virtual_host={number_of_db}"
