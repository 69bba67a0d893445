"""What `make run` does to a database before it serves."""

import os

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import authenticate

from accounts.models import IdToken, User
from chargeportal.runtime import prepare
from chargeportal.runtime.addresses import demo_is_in
from stations.models import ChargingStation


@pytest.fixture(autouse=True)
def demo(db, settings):
    settings.DEMO = True


def test_an_empty_database_gets_the_demo_once():
    assert prepare._seed_demo() == "seeded"
    ChargingStation.objects.filter(identity="DEMO-AC-1").update(name="Renamed")

    assert prepare._seed_demo() == "kept"

    assert ChargingStation.objects.get(identity="DEMO-AC-1").name == "Renamed"
    for email in ("operator@demo.test", "finance@demo.test", "driver@demo.test"):
        assert authenticate(username=email, password="charge-demo") is not None
    assert IdToken.objects.get(uid="DEMO0001").user.email == "driver@demo.test"


def test_a_database_with_people_gets_no_accounts_with_a_known_password():
    User.objects.create_user("owner@example.org", "their own password")

    assert prepare._seed_demo() == "kept"

    assert list(User.objects.values_list("email", flat=True)) == ["owner@example.org"]
    assert not ChargingStation.objects.exists()


def test_the_demo_can_be_off(settings):
    settings.DEMO = False

    assert prepare._seed_demo() == "off"
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_supervisor_sees_whether_the_demo_is_there():
    url = f"{os.environ['DATABASE_URL']}".replace(
        "/chargeportal?", f"/{django_settings.DATABASES['default']['NAME']}?"
    )
    assert demo_is_in(url) is False

    User.objects.create_user("operator@demo.test", "x")

    assert demo_is_in(url) is True


def test_static_files_are_collected_when_one_has_changed(tmp_path, settings, monkeypatch):
    monkeypatch.setenv("VAR", str(tmp_path))
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.css").write_text("a {}")
    settings.STATICFILES_DIRS = [source]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "static"

    assert [prepare._collect_static(), prepare._collect_static()] == ["collected", "up to date"]
    (source / "b.css").write_text("b {}")
    assert prepare._collect_static() == "collected"
    assert (tmp_path / "static" / "b.css").read_text() == "b {}"
