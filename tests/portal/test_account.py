"""Signing up, logging in, the profile and the language."""

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.portal.conftest import PASSWORD, logged_in

LOGIN = "/account/login/"


def login(client, email, password=PASSWORD, **extra):
    return client.post(LOGIN, {"login": email, "password": password, **extra})


@pytest.mark.parametrize("language", ["sv", "en"])
def test_a_new_account_has_the_language_of_the_page(language, db):
    client = Client(headers={"accept-language": language})
    page = client.post(
        reverse("account_signup"), {"email": "Ny@Example.test", "password1": "stadig lösning 7"}
    )
    assert page.status_code == 302
    user = User.objects.get()
    assert (user.email, user.language) == ("ny@example.test", language)
    assert client.get(reverse("profile")).status_code == 200
    (letter,) = mail.outbox
    subject, hello = {
        "sv": ("Bekräfta din e-postadress", "Hej!"),
        "en": ("Confirm your e-mail address", "Hello!"),
    }[language]
    assert (letter.subject, letter.to) == (subject, ["ny@example.test"])
    assert letter.body.startswith(hello)
    assert "/account/confirm-email/" in letter.body


def test_the_account_of_an_address_is_not_made_twice(driver):
    Client().post(reverse("account_signup"), {"email": driver.email, "password1": "another long one"})
    assert User.objects.count() == 1


def test_login_is_by_email_and_brings_back_the_language(driver):
    User.objects.update(language="sv")
    client = Client(headers={"accept-language": "en"})
    assert login(client, driver.email.upper()).url == "/"
    assert '<html lang="sv">' in client.get("/").content.decode()


def test_a_wrong_password_is_refused(driver):
    client = Client()
    assert login(client, driver.email, "wrong").status_code == 200
    assert client.get(reverse("profile")).status_code == 302


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/x", "javascript:alert(1)", "https:evil.example"]
)
def test_open_redirects_are_refused(target, driver):
    assert login(Client(), driver.email, next=target).url == "/"
    for client in (Client(), logged_in(driver)):
        answer = client.post(reverse("set_language"), {"language": "sv", "next": target})
        assert answer.url == "/"


def test_login_goes_on_to_where_one_wanted_to(driver):
    assert Client().get("/sessions/").url == f"{LOGIN}?next=/sessions/"
    assert login(Client(), driver.email, next="/sessions/").url == "/sessions/"


def test_the_language_switch_holds_in_the_browser_and_for_the_account(driver):
    client = logged_in(driver)
    answer = client.post(reverse("set_language"), {"language": "sv", "next": "/cards/"})
    assert answer.url == "/cards/"
    driver.refresh_from_db()
    assert driver.language == "sv"
    assert '<html lang="sv">' in client.get("/cards/").content.decode()


def test_a_language_we_do_not_speak_changes_nothing(driver):
    logged_in(driver).post(reverse("set_language"), {"language": "xx"})
    driver.refresh_from_db()
    assert driver.language == "en"


def test_the_profile_changes_name_and_language(driver):
    client = logged_in(driver)
    client.post(reverse("profile"), {"name": "Anna Ek", "language": "sv"})
    driver.refresh_from_db()
    assert (driver.name, driver.language) == ("Anna Ek", "sv")
    assert client.cookies["django_language"].value == "sv"


def test_a_refused_profile_changes_nothing(driver):
    page = logged_in(driver).post(reverse("profile"), {"name": "x" * 121, "language": "sv"})
    assert page.status_code == 200
    driver.refresh_from_db()
    assert (driver.name, driver.language) == ("Anna Lind", "en")


def test_the_demo_accounts_are_shown_in_the_demo_alone(db, settings):
    assert "operator@demo.test" not in Client().get(LOGIN).content.decode()
    settings.DEMO = True
    assert "operator@demo.test" in Client().get(LOGIN).content.decode()


def test_a_forgotten_password_is_mailed_a_link_and_strangers_learn_nothing(driver):
    for email in (driver.email, "nobody@example.test"):
        answer = Client().post(reverse("account_reset_password"), {"email": email})
        assert answer.url == reverse("account_reset_password_done")
    assert Client().get(reverse("account_reset_password_done")).status_code == 200


@pytest.mark.parametrize(
    "name", ["session-list", "card-list", "card-add", "profile", "account_email", "account_change_password"]
)
def test_own_pages_ask_visitors_to_log_in(name, db):
    assert Client().get(reverse(name)).url.startswith(LOGIN)


@pytest.mark.parametrize("name", ["card-add", "profile", "set_language", "account_login", "account_signup"])
def test_posts_need_the_csrf_token(name, driver):
    client = Client(enforce_csrf_checks=True)
    client.force_login(driver)
    assert client.post(reverse(name), {}).status_code == 403


def test_pages_run_no_inline_scripts(place, driver):
    page = logged_in(driver).get("/")
    assert "script-src 'self';" in page.headers["Content-Security-Policy"] + ";"
    text = page.content.decode()
    assert " onclick=" not in text
    assert text.count("<script") == text.count("<script src=")
