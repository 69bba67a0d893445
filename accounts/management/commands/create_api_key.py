"""`manage.py create_api_key <email>`: a key of the REST API for a script or a partner."""

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts import api_keys, audit
from accounts.models import ApiKey, User

MOST_DAYS = 3650


class Command(BaseCommand):
    """The key alone goes to standard output, so that a script can take it; the rest to standard error."""

    help = "Makes an API key of a user and prints it; it is shown this once and kept nowhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the e-mail address of the user whose rights the key has")
        parser.add_argument("--name", default="command line", help="what the key is for")
        parser.add_argument("--days", type=int, help="how long it is valid; for ever, unless given")

    def handle(self, *args: Any, **options: Any) -> None:
        user = _user(options["email"])
        with transaction.atomic():
            key, secret = api_keys.issue(
                user, name=_name(options["name"]), expires_at=_expiry(options["days"], now=timezone.now())
            )
            audit.record(None, act="apikey.added", subject=f"apikey {key} of {user.email}")
        self.stderr.write(f"API key “{key.name}” of {user.email}; it cannot be shown again:")
        self.stdout.write(secret)


def _user(email: str) -> User:
    try:
        user = User.objects.get_by_natural_key(email.strip())
    except User.DoesNotExist:
        raise CommandError(f"There is no user {email}") from None
    if not user.is_active:
        raise CommandError(f"{user.email} is not active; a key would open nothing")
    return user


def _name(name: str) -> str:
    longest = ApiKey._meta.get_field("name").max_length or 0
    if not name.strip() or len(name) > longest:
        raise CommandError(f"A key's name has 1 to {longest} characters")
    return name.strip()


def _expiry(days: int | None, *, now: dt.datetime) -> dt.datetime | None:
    if days is None:
        return None
    if not 1 <= days <= MOST_DAYS:
        raise CommandError(f"A key is valid for 1 to {MOST_DAYS} days, or for ever")
    return now + dt.timedelta(days=days)
