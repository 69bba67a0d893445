"""Two operators: one has a network with colleagues of every role, the other is the stranger."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Organisation, User
from chargeportal.dashboards import snapshots
from tests.factories import MembershipFactory, OrganisationFactory, UserFactory


@pytest.fixture(autouse=True)
def _no_snapshots():
    snapshots.forget()
    yield
    snapshots.forget()


@pytest.fixture
def operator(db) -> Organisation:
    return OrganisationFactory(name="Norrsken")


@pytest.fixture
def colleague(operator) -> Callable[[str], User]:
    """A person with that role at the operator."""
    return lambda role: MembershipFactory(organisation=operator, role=role).user


@pytest.fixture
def stranger(db) -> User:
    """An operator's member of staff, of another operator."""
    return MembershipFactory(organisation=OrganisationFactory(name="Elsewhere"), role="operator").user


@pytest.fixture
def superuser(db) -> User:
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def browser() -> Callable[[User], Client]:
    """A browser in which that person is logged in."""

    def log_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return log_in
