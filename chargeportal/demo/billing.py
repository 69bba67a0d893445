"""The money of the demo: the seller, three fleets, a host, and two months told and invoiced as they came.

The month before last is invoiced: one invoice is paid, one is partly credited and not due yet, one is
overdue. Last month waits for somebody to run its invoices, decide about a held session and close it.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings

from accounts.models import IdToken, Membership, Organisation, User
from billing import closing, dunning
from billing.cdrs import rate_session
from billing.customers import account_of_organisation
from billing.invoicing import documents, runs
from billing.invoicing.credits import credit_invoice
from billing.invoicing.settling import open_amount, settle
from billing.ledger.periods import month_of
from billing.models import (
    BillingAccount,
    CostCentre,
    Invoice,
    InvoiceSettlement,
    RevenueShareAgreement,
    SellerProfile,
)
from chargeportal.demo.history import PastSession, tell
from sessions.models import ChargingSession
from stations.models import Location
from stations.ocpp import dispatch

ZONE = ZoneInfo(settings.TIME_ZONE)
#: Registers before those of the recent history.
REGISTER_WH = 640_000.0


@dataclass(frozen=True, slots=True)
class DemoFleet:
    """A customer with cars of its own: its cards, and how long it has to pay."""

    name: str
    registration_number: str
    email: str
    street: str
    postal_code: str
    city: str
    uids: tuple[str, ...]
    terms_days: int | None = None


FLEETS = (
    DemoFleet(
        "Bud & Bil Norden AB", "556012-5790", "ekonomi@budbil.test", "Industrigatan 4", "112 46", "Stockholm",
        ("DEMO0006", "DEMO0007", "DEMO0008"),
    ),
    DemoFleet(
        "Umeå stad", "212000-2627", "faktura@umea.test", "Skolgatan 31 A", "901 84", "Umeå",
        ("DEMO0009", "DEMO0010"), 60,
    ),
    DemoFleet(
        "Fjällbud AB", "556703-7485", "info@fjallbud.test", "Fjällgatan 9", "831 31", "Östersund",
        ("DEMO0011",),
    ),
)  # fmt: skip
#: (months ago, day, hour, station, cards in turn, W, minutes)
_PLAN = (
    (2, 3, 8, "DEMO-DC-2", 43_000, 35), (2, 5, 9, "DEMO-AC-2", 10_800, 150),
    (2, 8, 13, "DEMO-DC-2", 43_000, 28), (2, 11, 8, "DEMO-AC-2", 10_800, 190),
    (2, 16, 15, "DEMO-DC-2", 43_000, 40), (2, 24, 10, "DEMO-AC-2", 7_200, 170),
    (1, 2, 8, "DEMO-DC-2", 43_000, 31), (1, 6, 9, "DEMO-AC-2", 10_800, 140),
    (1, 9, 14, "DEMO-DC-2", 43_000, 26), (1, 14, 8, "DEMO-AC-2", 10_800, 175),
    (1, 20, 16, "DEMO-DC-2", 43_000, 38), (1, 26, 9, "DEMO-AC-2", 7_200, 160),
)  # fmt: skip


def seed_customers(operator: Organisation) -> None:
    """The operator may issue documents; its fleets and a host have accounts, cards and cost centres."""
    password = User.objects.get(email="finance@demo.test").password  # the demo's, hashed once
    SellerProfile.objects.create(
        organisation=operator, legal_name=operator.name, street="Storgatan 42", postal_code="903 26",
        city="Umeå", seat="Umeå", email="ekonomi@norrsken.test", phone="090-10 20 30", bankgiro="991-2346",
        iban="SE4550000000058398257466", bic="ESSESESS",
        peppol_id=operator.registration_number.replace("-", ""),
    )  # fmt: skip
    for fleet in FLEETS:
        _seed_fleet(operator, fleet, password=password)
    _seed_host(operator, password=password)


def seed_past_months(*, now: dt.datetime) -> None:
    """The fleets' sessions of the two months before this one are stored and priced; one of them is held."""
    dispatch.autodiscover()
    registers = {"DEMO-AC-2": REGISTER_WH, "DEMO-DC-2": REGISTER_WH}
    uids = [fleet.uids for fleet in FLEETS]
    for number, (months, day, hour, identity, power_w, minutes) in enumerate(_PLAN):
        cards = uids[number % len(uids)]
        date = _months_ago(now, months).replace(day=day)
        days_ago = (now.astimezone(ZONE).date() - date).days
        past = PastSession(days_ago, hour, identity, cards[number % len(cards)], power_w, minutes, 5)
        tell(past, now=now, registers=registers)
    _hold_one(now=now)
    for session in ChargingSession.objects.filter(state=ChargingSession.State.ENDED).order_by("ended_at"):
        rate_session(session.pk, now=now)


def seed_invoices(operator: Organisation, *, now: dt.datetime) -> None:
    """The month before last is invoiced; what has become of its invoices has been told."""
    start, end = _months_ago(now, 2), _months_ago(now, 1)
    issued_at = dt.datetime.combine(end, dt.time(7), tzinfo=ZONE)
    run = runs.start_run(
        operator, period_start=start, period_end=end, invoice_date=end, by=None, now=issued_at
    )
    item_ids = list(run.items.values_list("pk", flat=True))
    runs.issue_items(run.pk, item_ids=item_ids, now=issued_at)
    runs.render_items(run.pk, item_ids=item_ids, now=issued_at)
    runs.finish(run, now=issued_at)
    paid, credited, overdue = (_invoice_of(fleet) for fleet in FLEETS)
    settle(
        paid, kind=InvoiceSettlement.Kind.BANK, amount=open_amount(paid), key=f"bank:demo:{paid.pk}",
        reference="BGC 991-2346", now=issued_at + dt.timedelta(days=21),
    )  # fmt: skip
    one = credited.billed_cdrs.order_by("cdr_id").first()
    if one is not None:
        note = credit_invoice(
            credited, reason="Laddaren var trasig", now=issued_at + dt.timedelta(days=4), by=None,
            cdr_ids=[one.cdr_id],
        )  # fmt: skip
        documents.store(note, issued_at)
    _ask_for(overdue, now=now)
    _close(operator, month=start, now=now)


def _seed_fleet(operator: Organisation, fleet: DemoFleet, *, password: str) -> None:
    organisation = Organisation.objects.create(
        kind=Organisation.Kind.FLEET,
        name=fleet.name,
        registration_number=fleet.registration_number,
        vat_number=f"SE{fleet.registration_number.replace('-', '')}01",
    )
    account = account_of_organisation(organisation, operator_id=operator.pk)
    BillingAccount.objects.filter(pk=account.pk).update(
        email=fleet.email, street=fleet.street, postal_code=fleet.postal_code, city=fleet.city,
        payment_terms_days=fleet.terms_days, reference="Fordon",
    )  # fmt: skip
    tokens = list(IdToken.objects.filter(uid__in=fleet.uids).order_by("uid"))
    IdToken.objects.filter(uid__in=fleet.uids).update(organisation=organisation)
    for number, token in enumerate(tokens, start=1):
        centre = CostCentre.objects.create(account=account, code=f"{number}00", name=f"Avdelning {number}")
        centre.id_tokens.add(token)
    _manager(organisation, fleet.email, Membership.Role.FLEET_MANAGER, password)


def _seed_host(operator: Organisation, *, password: str) -> None:
    host = Organisation.objects.create(
        kind=Organisation.Kind.HOST, name="Lindholmen Fastigheter AB", registration_number="556677-8899",
        vat_number="SE556677889901",
    )  # fmt: skip
    location = Location.objects.get(name="Lindholmen")
    Location.objects.filter(pk=location.pk).update(host=host)
    account = account_of_organisation(host, operator_id=operator.pk)
    RevenueShareAgreement.objects.create(
        operator=operator, account=account, location=location, share_percent=Decimal(20),
        monthly_fee=Decimal(250), valid_from=dt.date(2026, 1, 1),
    )  # fmt: skip
    SellerProfile.objects.create(
        organisation=host, legal_name=host.name, street="Lindholmspiren 5", postal_code="417 56",
        city="Göteborg", seat="Göteborg", iban="SE3550000000054910000003", bic="ESSESESS",
    )  # fmt: skip
    _manager(host, "host@demo.test", Membership.Role.HOST, password)


def _manager(organisation: Organisation, email: str, role: str, password: str) -> None:
    user = User.objects.create(email=email, password=password, name=f"Kontakt {organisation.name}"[:80])
    Membership.objects.create(user=user, organisation=organisation, role=role)


def _hold_one(*, now: dt.datetime) -> None:
    """The register of last month's session ran backwards: nobody is billed before a person has looked."""
    last = _months_ago(now, 1)
    start = dt.datetime.combine(last.replace(day=17), dt.time(11, 20), tzinfo=ZONE)
    days_ago = (now.astimezone(ZONE).date() - start.date()).days
    past = PastSession(days_ago, 11, "DEMO-AC-2", FLEETS[0].uids[0], 10_800, 60, 0)
    tell(past, now=now, registers={"DEMO-AC-2": 720_000.0}, stop_wh=712_000.0)


def _close(operator: Organisation, *, month: dt.date, now: dt.datetime) -> None:
    """The month is closed, so that last month is the next in turn."""
    frida = User.objects.get(email="finance@demo.test")
    closing.acknowledge(
        operator.pk, month=month, key="exported", note="Bokförd för hand före starten", by=frida, now=now
    )
    closing.close_month(operator.pk, month=month, by=frida, now=now)


def _ask_for(invoice: Invoice, *, now: dt.datetime) -> None:
    """Every day since it fell due was looked at, as the daily work does."""
    day = dt.datetime.combine(invoice.due_date, dt.time(9), tzinfo=ZONE) + dt.timedelta(days=1)
    while day < now:
        dunning.open_overdue(today=day.date(), now=day, most=10)
        for case_id in dunning.due_ids(now=day, most=10):
            dunning.advance(case_id, now=day)
        day += dt.timedelta(days=1)


def _invoice_of(fleet: DemoFleet) -> Invoice:
    return Invoice.objects.get(account__name=fleet.name, kind=Invoice.Kind.INVOICE)


def _months_ago(now: dt.datetime, months: int) -> dt.date:
    """The first day of the month so many months ago, where the books are kept."""
    first = month_of(now.astimezone(ZONE).date())
    for _number in range(months):
        first = month_of(first - dt.timedelta(days=1))
    return first
