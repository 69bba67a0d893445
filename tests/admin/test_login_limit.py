"""Passwords cannot be guessed at the admin's door."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "long enough and right"


def log_in(email: str, password: str) -> Client:
    client = Client()
    client.post(reverse("admin:login"), {"username": email, "password": password})
    return client


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_the_right_password_opens_the_admin() -> None:
    User.objects.create_superuser("chief@limit.test", PASSWORD)
    assert is_in(log_in("chief@limit.test", PASSWORD))


def test_after_many_wrong_passwords_the_right_one_must_wait_too(settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "5/5m/key"}
    User.objects.create_superuser("guessed@limit.test", PASSWORD)
    for number in range(6):
        assert not is_in(log_in("guessed@limit.test", f"wrong {number}"))
    assert not is_in(log_in("guessed@limit.test", PASSWORD))
    User.objects.create_superuser("neighbour@limit.test", PASSWORD)
    assert is_in(log_in("neighbour@limit.test", PASSWORD))


def test_who_may_not_enter_the_admin_is_told_so() -> None:
    User.objects.create_user("driver@limit.test", PASSWORD)
    assert not is_in(log_in("driver@limit.test", PASSWORD))
