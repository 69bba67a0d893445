"""The session's page says why its tariff was chosen."""

import datetime as dt

from django.urls import reverse
from django.utils import timezone

from billing import cdrs
from billing.models import PriceGroup, TariffAssignment
from tests.factories import EvseFactory, LocationFactory, SessionFactory, StationFactory, priced_tariff


def ended(operator):
    station = StationFactory(location=LocationFactory(operator=operator))
    return SessionFactory(evse=EvseFactory(station=station), ended=True)


def test_with_every_tariff_that_held_there(operator, colleague, browser):
    session = ended(operator)
    priced_tariff(operator=operator, ENERGY="5")
    group = PriceGroup.objects.create(operator=operator, name="Staff")
    group.users.add(session.user)
    theirs = priced_tariff(operator=operator, ENERGY="2")
    theirs.assignments.update(price_group=group)
    address = reverse("dashboards:session", args=[session.pk])
    page = browser(colleague("finance")).get(address)
    assert page.context["why"].rule == "The driver is in a price group that has a tariff here."
    assert page.context["why"].groups == ["Staff: the person is in it"]
    assert [(each.name == theirs.name, each.verdict) for each in page.context["why"].considered] == [
        (True, "chosen"), (False, "comes after it"),
    ]  # fmt: skip


def test_as_it_was_when_the_session_was_billed(operator, colleague, browser):
    session = ended(operator)
    old = priced_tariff(operator=operator, ENERGY="5")
    cdrs.rate_session(session.pk, now=timezone.now())
    later = priced_tariff(operator=operator, ENERGY="9")
    TariffAssignment.objects.filter(tariff=later).update(
        evse=session.evse, valid_from=session.started_at - dt.timedelta(days=1)
    )
    page = browser(colleague("finance")).get(reverse("dashboards:session", args=[session.pk]))
    assert [each.name for each in page.context["why"].considered] == [old.name]
    assert "Why this tariff" in page.content.decode()


def test_only_to_those_who_see_prices(operator, colleague, browser):
    session = ended(operator)
    priced_tariff(operator=operator, ENERGY="5")
    page = browser(colleague("technician")).get(reverse("dashboards:session", args=[session.pk]))
    assert "Why this tariff" not in page.content.decode()
