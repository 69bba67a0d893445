"""May this token charge?"""

import datetime as dt

import pytest

from accounts.models import IdToken, IdTokenGroup, Organisation, User
from sessions import authorization
from stations.ocpp.messages import Authorize, IdTokenRef
from tests.sessions.conftest import NOON, Says

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "accepted"),
        ({"blocked_at": NOON - HOUR}, "blocked"),
        ({"valid_until": NOON}, "expired"),
        ({"valid_until": NOON + HOUR}, "accepted"),
        ({"valid_from": NOON + HOUR}, "invalid"),
        ({"valid_from": NOON}, "accepted"),
    ],
)
def test_the_verdict_follows_the_token(card: IdToken, fields: dict, status: str) -> None:
    IdToken.objects.filter(pk=card.pk).update(**fields)
    assert authorization.judge_one("CARD1", now=NOON).status == status


def test_a_driver_whose_account_is_closed_is_blocked(card: IdToken, driver: User) -> None:
    User.objects.update(is_active=False)
    assert authorization.judge_one("CARD1", now=NOON).status == "blocked"


def test_a_card_of_a_closed_organisation_is_blocked(card: IdToken) -> None:
    IdToken.objects.update(
        organisation=Organisation.objects.create(kind="fleet", name="Gone", is_active=False)
    )
    assert authorization.judge_one("CARD1", now=NOON).status == "blocked"


def test_an_unknown_token_is_unknown(db: None) -> None:
    assert authorization.judge_one("NOBODY", now=NOON).status == "unknown"


def test_many_tokens_are_judged_by_one_query_for_themselves_and_one_for_who_pays(
    card: IdToken, django_assert_num_queries
) -> None:
    shown = [authorization.Shown("card1"), authorization.Shown("CARD1", 7), authorization.Shown("NOBODY")]
    with django_assert_num_queries(2):
        verdicts = authorization.judge(shown, now=NOON)
    assert [verdicts[one].status for one in shown] == ["accepted", "accepted", "unknown"]


def test_the_station_is_told_the_group_and_how_long_the_card_is_valid(says: Says, card: IdToken) -> None:
    group = IdTokenGroup.objects.create(uid="FAMILY", name="Family")
    IdToken.objects.update(group=group, valid_until=NOON + HOUR)
    info = says(Authorize(id_token=IdTokenRef("CARD1"))).info
    assert (info.status, info.group_uid, info.expires_at) == ("accepted", "FAMILY", NOON + HOUR)
