"""Keys of the REST API: shown once, kept as a digest, refused when they are over."""

import datetime as dt
import hashlib
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import api_keys
from accounts.models import ApiKey, AuditEntry
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


@pytest.fixture
def user():
    return UserFactory(email="anna@example.test")


def test_a_key_opens_what_its_user_may_open(user):
    _, secret = api_keys.issue(user, name="script")
    assert secret.startswith("cp_")
    assert len(secret) >= 43
    assert api_keys.user_of(secret, now=NOW) == user


def test_only_a_digest_is_kept(user):
    key, secret = api_keys.issue(user, name="script")
    row = ApiKey.objects.filter(pk=key.pk).values().get()
    assert row["digest"] == hashlib.sha256(secret.encode()).hexdigest()
    assert not any(secret in str(value) for value in row.values())
    assert row["prefix"] == secret[:10]


def test_every_key_is_another(user):
    assert len({api_keys.issue(user, name="script")[1] for _ in range(20)}) == 20


@pytest.mark.parametrize("wrong", ["", "cp_", "cp_wrong", "\x00", "å" * 5000])
def test_an_unknown_key_opens_nothing(wrong, user):
    api_keys.issue(user, name="script")
    assert api_keys.user_of(wrong, now=NOW) is None


def test_a_key_ends_at_the_second_it_expires(user):
    _, secret = api_keys.issue(user, name="script", expires_at=NOW)
    assert api_keys.user_of(secret, now=NOW - dt.timedelta(seconds=1)) == user
    assert api_keys.user_of(secret, now=NOW) is None


def test_a_revoked_key_opens_nothing_and_keeps_its_first_revocation(user):
    key, secret = api_keys.issue(user, name="script")
    api_keys.revoke(key, now=NOW)
    api_keys.revoke(key, now=NOW + dt.timedelta(days=1))
    assert key.revoked_at == NOW
    assert api_keys.user_of(secret, now=NOW) is None


def test_revoking_one_key_leaves_the_others(user):
    key, _ = api_keys.issue(user, name="old")
    _, kept = api_keys.issue(user, name="new")
    api_keys.revoke(key, now=NOW)
    assert api_keys.user_of(kept, now=NOW) == user


def test_a_user_who_may_not_log_in_has_no_key_either(user):
    _, secret = api_keys.issue(user, name="script")
    user.is_active = False
    user.save()
    assert api_keys.user_of(secret, now=NOW) is None
    assert ApiKey.objects.get().last_used_at is None


def test_the_last_use_is_written_once_a_minute(user):
    key, secret = api_keys.issue(user, name="script")
    written = []
    for seconds in (0, 30, 60, 61):
        api_keys.user_of(secret, now=NOW + dt.timedelta(seconds=seconds))
        key.refresh_from_db()
        written.append((key.last_used_at - NOW).total_seconds())
    assert written == [0, 0, 0, 61]


def make_key(*words):
    out, err = StringIO(), StringIO()
    call_command("create_api_key", *words, stdout=out, stderr=err)
    return out.getvalue().strip(), err.getvalue()


def test_the_command_prints_the_key_alone_on_standard_output(user):
    secret, told = make_key("ANNA@example.test", "--name", "Home Assistant")
    assert api_keys.user_of(secret, now=timezone.now()) == user
    assert secret not in told
    assert ApiKey.objects.get().name == "Home Assistant"


def test_the_command_leaves_a_trace_without_the_secret(user):
    secret, _ = make_key("anna@example.test")
    entry = AuditEntry.objects.get()
    assert (entry.act, entry.actor) == ("apikey.added", None)
    assert "anna@example.test" in entry.subject
    assert secret not in entry.subject


def test_the_command_can_limit_the_key_in_time(user):
    make_key("anna@example.test", "--days", "30")
    left = ApiKey.objects.get().expires_at - timezone.now()
    assert dt.timedelta(days=29) < left <= dt.timedelta(days=30)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nobody@example.test"], "There is no user"),
        (["anna@example.test", "--days", "0"], "1 to 3650 days"),
        (["anna@example.test", "--name", " "], "1 to 80 characters"),
        (["anna@example.test", "--name", "x" * 81], "1 to 80 characters"),
    ],
)
def test_the_command_refuses_in_one_line(words, why, user):
    with pytest.raises(CommandError, match=why):
        make_key(*words)
    assert not ApiKey.objects.exists()


def test_the_command_makes_no_key_of_somebody_who_may_not_log_in(user):
    user.is_active = False
    user.save()
    with pytest.raises(CommandError, match="not active"):
        make_key("anna@example.test")
    assert not ApiKey.objects.exists()
