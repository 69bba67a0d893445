"""The desk of held sessions: the evidence, what a bill would say, and the three decisions."""

import datetime as dt
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import AuditEntry
from billing import cdrs
from sessions import closing
from sessions.models import ChargingSession, SessionReview, UnmatchedStop
from tests.factories import (
    EvseFactory,
    LocationFactory,
    SessionFactory,
    StationFactory,
    meter_samples,
    priced_tariff,
)

NOON = dt.datetime(2026, 3, 10, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def session(operator) -> ChargingSession:
    """Half an hour of charging at 11 kW, then a meter that jumps."""
    station = StationFactory(location=LocationFactory(operator=operator))
    session = SessionFactory(evse=EvseFactory(station=station), started_at=NOON, meter_start_wh=Decimal(1000))
    meter_samples(
        session,
        *((NOON + dt.timedelta(minutes=n), 11_000.0, 1000 + 11_000 * n / 60) for n in range(0, 31, 10)),
        (NOON + dt.timedelta(minutes=40), 11_000.0, 900_000),
    )
    end = NOON + dt.timedelta(hours=1)
    closing.settle(session, ended_at=end, received_at=end)
    return session


@pytest.fixture
def review(session) -> SessionReview:
    return session.reviews.get()


def decide_url(review: SessionReview, decision: str) -> str:
    return reverse("dashboards:review-decide", args=[review.pk, decision])


def test_the_page_shows_the_jump_the_curve_and_the_price(review, operator, colleague, browser):
    """5.5 kWh at 5.00 are 27.50."""
    priced_tariff(operator=operator, ENERGY="5.00")
    page = browser(colleague("finance")).get(reverse("dashboards:review", args=[review.pk]))
    words = page.content.decode()
    assert "More energy than possible" in words
    assert page.context["price"].total_incl_vat == Decimal("27.50")
    (step,) = page.context["steps"]
    assert (step["difference_wh"], step["from_at"]) == (
        Decimal("893500.000"),
        NOON + dt.timedelta(minutes=30),
    )
    assert page.context["chart"] is not None
    for decision in ("approve", "adjust", "waive"):
        assert decide_url(review, decision) in words


def test_support_sees_the_review_and_decides_nothing(review, colleague, browser):
    client = browser(colleague("support"))
    page = client.get(reverse("dashboards:review", args=[review.pk])).content.decode()
    assert decide_url(review, "approve") not in page
    assert client.post(decide_url(review, "approve")).status_code == 403
    review.refresh_from_db()
    assert review.decision == ""


@pytest.mark.parametrize("role", ["technician"])
def test_who_may_not_see_reviews_gets_none(review, colleague, browser, role):
    url = reverse("dashboards:review", args=[review.pk])
    assert browser(colleague(role)).get(url).status_code == 404


def test_a_stranger_finds_neither_page_nor_decision(review, stranger, browser):
    client = browser(stranger)
    assert client.get(reverse("dashboards:review", args=[review.pk])).status_code == 404
    assert client.post(decide_url(review, "waive")).status_code == 404
    review.refresh_from_db()
    assert review.decision == ""


@pytest.mark.parametrize("role", ["operator", "finance"])
def test_approving_asks_first_and_then_releases_the_session(review, colleague, browser, role):
    client = browser(colleague(role))
    assert "Bill as measured" in client.get(decide_url(review, "approve")).content.decode()
    assert SessionReview.objects.get().decision == ""
    answer = client.post(decide_url(review, "approve"), {"note": "Seen the display"})
    assert answer.status_code == 204
    assert answer["HX-Redirect"].endswith(reverse("dashboards:review", args=[review.pk]))
    review.refresh_from_db()
    assert (review.decision, review.note) == ("approve", "Seen the display")
    assert ChargingSession.objects.get().held_reason == ""


def test_adjusting_takes_kwh_and_the_clock_of_the_place(review, colleague, browser):
    """13:45 in Stockholm in March is 12:45 UTC."""
    values = {"energy_kwh": "6.25", "ended_at": "2026-03-10T13:45:00", "note": ""}
    assert browser(colleague("operator")).post(decide_url(review, "adjust"), values).status_code == 204
    session = ChargingSession.objects.get()
    assert (session.energy_wh, session.ended_at) == (Decimal(6250), NOON + dt.timedelta(minutes=45))


def test_values_that_cannot_be_are_said_to_be_so(review, colleague, browser):
    values = {"energy_kwh": "6", "ended_at": "2026-03-10T11:00:00"}
    page = browser(colleague("operator")).post(decide_url(review, "adjust"), values)
    assert "The end must not lie before the start." in page.content.decode()
    assert SessionReview.objects.get().decision == ""


def test_a_second_decision_is_told_that_it_came_too_late(review, colleague, browser):
    client = browser(colleague("operator"))
    client.post(decide_url(review, "waive"))
    page = client.post(decide_url(review, "approve")).content.decode()
    assert "Somebody has decided already" in page
    assert AuditEntry.objects.filter(act__startswith="hold.").count() == 1


def test_the_list_shows_those_that_wait_unless_asked_otherwise(review, colleague, browser):
    client, url = browser(colleague("finance")), reverse("admin:charging_sessions_sessionreview_changelist")
    assert "More energy than possible" in client.get(url).content.decode()
    client.post(decide_url(review, "waive"))
    assert list(client.get(url).context["cl"].queryset) == []
    assert list(client.get(url, {"state": "decided"}).context["cl"].queryset) == [review]
    assert list(client.get(url, {"state": "all", "why": "clock"}).context["cl"].queryset) == []


def test_the_sessions_page_tells_of_the_check_and_of_the_decision(review, session, colleague, browser):
    client, url = browser(colleague("operator")), reverse("dashboards:session", args=[session.pk])
    assert "waits for a decision" in client.get(url).content.decode()
    client.post(decide_url(review, "waive"), {"note": "Meter replaced"})
    page = client.get(url).content.decode()
    assert "not billed" in page
    assert "Meter replaced" in page
    cdrs.rate_session(session.pk, now=NOON)
    assert "nobody pays for this session" in client.get(url).content.decode()


class TestUnmatchedStops:
    @pytest.fixture
    def stop(self, operator) -> UnmatchedStop:
        station = StationFactory(location=LocationFactory(operator=operator))
        session = SessionFactory(evse=EvseFactory(station=station), started_at=NOON)
        return UnmatchedStop.objects.create(
            station=station, transaction_ref="-1", id_token_uid=session.id_token_uid,
            occurred_at=NOON + dt.timedelta(hours=1), meter_stop_wh=Decimal(12_000),
            received_at=NOON + dt.timedelta(hours=1), payload={},
        )  # fmt: skip

    def match_url(self, stop: UnmatchedStop) -> str:
        return reverse("dashboards:unmatched-stop-match", args=[stop.pk, ChargingSession.objects.get().pk])

    def test_it_is_matched_to_the_session_that_the_page_suggests(self, stop, colleague, browser):
        client = browser(colleague("operator"))
        page = client.get(reverse("dashboards:unmatched-stop", args=[stop.pk])).content.decode()
        assert "the same token" in page
        assert self.match_url(stop) in page
        assert client.post(self.match_url(stop)).status_code == 204
        session = ChargingSession.objects.get()
        assert (session.energy_wh, session.held_reason) == (Decimal(11_000), "")
        assert client.get(reverse("dashboards:unmatched-stop", args=[stop.pk])).status_code == 200
        assert "already" in client.post(self.match_url(stop)).content.decode()

    def test_a_stranger_and_support_match_nothing(self, stop, stranger, colleague, browser):
        assert browser(stranger).post(self.match_url(stop)).status_code == 404
        assert browser(colleague("support")).post(self.match_url(stop)).status_code == 403
        assert ChargingSession.objects.get().is_active
