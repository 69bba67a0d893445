"""A driver's cards: adding, naming, blocking."""

import pytest
from django.urls import reverse

from accounts.models import AuditEntry, IdToken
from accounts.web.cards import CLAIMS_PER_HOUR
from tests.portal.conftest import logged_in, make_user

REFUSED = "This card cannot be added. If it is yours, contact our support."


@pytest.fixture(autouse=True)
def _no_claims_yet():
    from django.core.cache import cache

    cache.clear()


def add(client, number, label=""):
    return client.post(reverse("card-add"), {"number": number, "label": label})


def test_a_card_is_added_by_its_number_as_it_is_printed(driver, driver_client):
    assert add(driver_client, " 04:a2 b3-c4 ", "Key ring").status_code == 302
    card = IdToken.objects.get()
    assert (card.uid, card.label, card.user, card.type) == ("04A2B3C4", "Key ring", driver, "ISO14443")
    assert AuditEntry.objects.get().act == "idtoken.added"
    assert "Key ring" in driver_client.get(reverse("card-list")).content.decode()


def test_a_known_card_that_is_nobodys_is_taken_over(driver, driver_client):
    IdToken.objects.create(uid="04FF0011", label="Batch 7")
    add(driver_client, "04ff0011")
    card = IdToken.objects.get()
    assert (card.user, card.label) == (driver, "Batch 7")


def test_somebody_elses_card_is_refused_without_telling_whose(card, stranger):
    page = add(logged_in(stranger), card.uid)
    assert REFUSED in page.content.decode()
    assert card.user.email not in page.content.decode()
    card.refresh_from_db()
    assert card.user.email == "driver@example.test"


@pytest.mark.parametrize(
    "fields", [{"organisation": True}, {"blocked_at": "2026-01-01T00:00Z"}, {"type": "Central"}]
)
def test_cards_of_organisations_and_blocked_ones_are_refused_alike(fields, operator, driver, driver_client):
    if "organisation" in fields:
        fields = {"organisation": operator}
    IdToken.objects.create(uid="04FF0011", **fields)
    assert REFUSED in add(driver_client, "04FF0011").content.decode()
    assert IdToken.objects.get().user is None


def test_ones_own_card_is_not_added_twice(card, driver_client):
    assert "You have already added this card." in add(driver_client, card.uid.lower()).content.decode()
    assert IdToken.objects.count() == 1


@pytest.mark.parametrize("number", ["", "12", "A" * 21, "04A2<script>", "ÅÄÖ12"])
def test_what_is_not_a_card_number_is_refused(number, driver_client):
    assert add(driver_client, number).status_code == 200
    assert not IdToken.objects.exists()


def test_numbers_cannot_be_guessed_for_long(driver_client, card):
    for number in range(CLAIMS_PER_HOUR):
        add(driver_client, f"04AA{number:04d}")
    before = IdToken.objects.count()
    assert "Try again in an hour" in add(driver_client, "04BB0001").content.decode()
    assert IdToken.objects.count() == before


def test_a_lost_card_is_blocked_and_found_again(card, driver_client):
    driver_client.post(reverse("card-block", args=[card.pk]))
    card.refresh_from_db()
    assert card.blocked_at is not None
    driver_client.post(reverse("card-unblock", args=[card.pk]))
    card.refresh_from_db()
    assert (card.blocked_at, card.block_reason) == (None, "")
    acts = AuditEntry.objects.order_by("id").values_list("act", "actor__email", "subject")
    assert list(acts) == [
        ("idtoken.blocked", "driver@example.test", "idtoken 04A2B3C4"),
        ("idtoken.unblocked", "driver@example.test", "idtoken 04A2B3C4"),
    ]


def test_what_the_operator_has_blocked_stays_blocked(card, driver_client):
    IdToken.objects.filter(pk=card.pk).update(blocked_at="2026-01-01T00:00Z", block_reason="unpaid")
    page = driver_client.post(reverse("card-unblock", args=[card.pk]), follow=True)
    assert "cannot be unblocked here" in page.content.decode()
    card.refresh_from_db()
    assert card.block_reason == "unpaid"


def test_a_card_is_renamed(card, driver_client):
    driver_client.post(reverse("card-rename", args=[card.pk]), {"label": "Red tag"})
    card.refresh_from_db()
    assert (card.label, card.uid) == ("Red tag", "04A2B3C4")


@pytest.mark.parametrize("act", ["card-rename", "card-block", "card-unblock"])
def test_strangers_and_colleagues_cannot_touch_a_card(act, card, stranger, colleague):
    for user in (stranger, colleague):
        assert logged_in(user).post(reverse(act, args=[card.pk]), {"label": "mine"}).status_code == 404
    card.refresh_from_db()
    assert (card.label, card.blocked_at) == ("Key ring", None)


def test_nobody_elses_cards_are_listed(card, stranger, colleague):
    for user in (stranger, colleague):
        assert card.uid not in logged_in(user).get(reverse("card-list")).content.decode()


def test_the_token_of_the_portal_itself_is_not_a_card(driver, driver_client):
    IdToken.objects.create(uid="CP0123456789", type="Central", user=driver)
    assert "CP0123456789" not in driver_client.get(reverse("card-list")).content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_queries_do_not_grow_with_the_number_of_cards(
    count, driver, driver_client, django_assert_num_queries
):
    for number in range(count):
        IdToken.objects.create(uid=f"0400{number:04d}", user=driver)
    with django_assert_num_queries(4):  # session, user, roles, cards
        driver_client.get(reverse("card-list"))


def test_an_account_holds_no_more_than_twenty_cards(db):
    user = make_user("many@example.test")
    for number in range(20):
        IdToken.objects.create(uid=f"0400{number:04d}", user=user)
    assert "as many cards as an account can hold" in add(logged_in(user), "04CC0001").content.decode()
    assert IdToken.objects.count() == 20
