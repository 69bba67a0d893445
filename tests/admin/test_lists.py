"""Every list page costs the same number of queries however many rows it has."""

import datetime as dt
from decimal import Decimal

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import api_keys, audit
from accounts.models import IdTokenGroup
from billing.invoicing.drafts import Draft, DraftLine
from billing.invoicing.issuing import issue
from billing.ledger.posting import Event, Posting, post
from billing.models import (
    Cdr,
    DunningCase,
    DunningPolicy,
    EnergyCost,
    Export,
    ExportDownload,
    ExportSchedule,
    Invoice,
    JournalEntry,
    LedgerAccount,
    PriceGroup,
    SellerProfile,
)
from sessions.models import SessionReview, StartRequest, UnmatchedStop
from stations.models import BootRecord, StationCommand
from tests.admin.invoice_lists import INVOICE_LISTS, INVOICE_LISTS_OF_FINANCE
from tests.admin.payment_lists import FINANCE_LISTS, PAYMENT_LISTS
from tests.admin.wallet_lists import WALLET_LISTS
from tests.billing.invoice_builders import company_account
from tests.factories import (
    ConnectionFactory,
    ConnectorFactory,
    EvseFactory,
    IdTokenFactory,
    LocationFactory,
    MembershipFactory,
    OrganisationFactory,
    SessionFactory,
    StationFactory,
    StatusFactory,
    priced_tariff,
)

NOON = dt.datetime(2026, 3, 10, 12, 0, tzinfo=dt.UTC)


def placed(operator):
    return StationFactory(location=LocationFactory(operator=operator))


def add_user(operator, user):
    MembershipFactory(organisation=operator, role="support")


def add_organisation(operator, user):
    MembershipFactory(user=user, organisation=OrganisationFactory(), role="operator")


def add_id_token(operator, user):
    group = IdTokenGroup.objects.create(
        uid=f"G{IdTokenGroup.objects.count()}", name="Fleet", organisation=operator
    )
    IdTokenFactory(organisation=operator, group=group)


def add_token_group(operator, user):
    count = IdTokenGroup.objects.count()
    IdTokenGroup.objects.create(uid=f"GROUP{count}", name=f"Group {count}", organisation=operator)


def add_api_key(operator, user):
    api_keys.issue(user, name="key")


def add_audit_entry(operator, user):
    audit.record(user, act="station.reset", subject="station CP-1")


def add_location(operator, user):
    placed(operator)


def add_station(operator, user):
    station = placed(operator)
    EvseFactory(station=station)
    ConnectionFactory(station=station)


def add_evse(operator, user):
    ConnectorFactory(evse=EvseFactory(station=placed(operator)))


def add_status(operator, user):
    StatusFactory(connector=ConnectorFactory(evse=EvseFactory(station=placed(operator))))


def add_connection(operator, user):
    ConnectionFactory(station=placed(operator))


def add_boot(operator, user):
    BootRecord.objects.create(station=placed(operator), received_at=NOON, answer="accepted")


def add_command(operator, user):
    StationCommand.objects.create(
        station=placed(operator), kind="reset", requested_by=user, requested_at=NOON
    )


def add_session(operator, user):
    SessionFactory(evse=EvseFactory(station=placed(operator)))
    SessionFactory(evse=EvseFactory(station=placed(operator)), ended=True)


def add_start_request(operator, user):
    StartRequest.objects.create(
        evse=EvseFactory(station=placed(operator)), id_token=IdTokenFactory(), requested_by=user,
        requested_at=NOON, expires_at=NOON,
    )  # fmt: skip


def add_unmatched_stop(operator, user):
    UnmatchedStop.objects.create(
        station=placed(operator), transaction_ref="-1", occurred_at=NOON, received_at=NOON, payload={}
    )


def add_held_session(operator, user):
    session = SessionFactory(evse=EvseFactory(station=placed(operator)), ended=True, held_reason="clock")
    SessionReview.objects.create(
        session=session, reason="clock", opened_at=NOON,
        evidence={"measured_wh": "11000.000", "stake": {"amount": "54.45", "currency": "SEK"}},
    )  # fmt: skip


def add_energy_cost(operator, user):
    EnergyCost.objects.create(
        location=LocationFactory(operator=operator), valid_from=NOON.date(), per_kwh=Decimal("1.20")
    )


def add_tariff(operator, user):
    priced_tariff(operator=operator, ENERGY="4.95", FLAT="10")


def add_price_group(operator, user):
    group = PriceGroup.objects.create(operator=operator, name=f"Group {PriceGroup.objects.count()}")
    group.users.add(user)
    priced_tariff(operator=operator, ENERGY="3").assignments.update(price_group=group)


def add_cdr(operator, user):
    session = SessionFactory(evse=EvseFactory(station=placed(operator)), ended=True)
    Cdr.objects.create(
        session=session, tariff=priced_tariff(operator=operator, ENERGY="4"), currency="SEK",
        total_excl_vat=Decimal("0.00"), total_vat=Decimal("0.00"), total_incl_vat=Decimal("0.00"),
        energy_wh=Decimal(11_000), charging_s=3600, parking_s=0, started_at=session.started_at,
        ended_at=session.ended_at, time_zone="Europe/Stockholm", periods_snapshot=[], rated_at=timezone.now(),
    )  # fmt: skip


def add_ledger_account(operator, user):
    number = 9000 + LedgerAccount.objects.count()
    LedgerAccount.objects.create(operator=operator, number=str(number), name="Övrigt", kind="asset")


def add_journal_entry(operator, user):
    lines = [Posting("unbilled", Decimal(100)), Posting("sales", Decimal(-100))]
    count = JournalEntry.objects.count()
    post(Event(operator.pk, f"cdr:{count}", "cdr", NOON.date(), "Laddsession", "SEK", f"ref {count}"), lines)


def add_dunning_case(operator, user):
    account = company_account(operator)
    if not hasattr(operator, "seller_profile"):
        type(operator).objects.filter(pk=operator.pk).update(
            registration_number="556677-8899", vat_number="SE556677889901"
        )
        SellerProfile.objects.create(
            organisation=operator, legal_name="Ladda AB", street="Storgatan 1", postal_code="903 26",
            city="Umeå", seat="Umeå", bankgiro="991-2346",
        )  # fmt: skip
    net = Decimal(100)
    line = DraftLine(
        dimension="FEE", description="Fee", quantity=Decimal(1), unit="C62", unit_price_net=net,
        vat_rate=None, net=net, vat=Decimal(0), gross=net, currency="SEK",
    )  # fmt: skip
    draft = Draft(
        operator_id=operator.pk, account=account, kind=Invoice.Kind.INVOICE, currency="SEK",
        invoice_date=NOON.date(), lines=(line,),
    )  # fmt: skip
    DunningCase.objects.create(account=account, invoice=issue(draft, now=NOON), opened_at=NOON)


def add_dunning_policy(operator, user):
    other = MembershipFactory(user=user, organisation=OrganisationFactory(), role="finance").organisation
    for each in (operator, other):
        DunningPolicy.objects.get_or_create(operator=each)


def add_export(operator, user):
    export = Export.objects.create(
        operator=operator, kind="sie", period_start=NOON.date(),
        period_end=NOON.date() + dt.timedelta(days=1), requested_by=user, requested_at=NOON,
    )  # fmt: skip
    ExportDownload.objects.create(export=export, user=user, taken_at=NOON)


def add_export_schedule(operator, user):
    ExportSchedule.objects.create(
        operator=operator, kind="sie", frequency="daily", delivery="folder", next_at=NOON, created_by=user
    )


LISTS = {
    "accounts_user": add_user,
    "accounts_organisation": add_organisation,
    "accounts_idtoken": add_id_token,
    "accounts_idtokengroup": add_token_group,
    "accounts_apikey": add_api_key,
    "accounts_auditentry": add_audit_entry,
    "stations_location": add_location,
    "stations_chargingstation": add_station,
    "stations_evse": add_evse,
    "stations_statusinterval": add_status,
    "stations_stationconnection": add_connection,
    "stations_bootrecord": add_boot,
    "stations_stationcommand": add_command,
    "charging_sessions_chargingsession": add_session,
    "charging_sessions_startrequest": add_start_request,
    "charging_sessions_sessionreview": add_held_session,
    "charging_sessions_unmatchedstop": add_unmatched_stop,
    "billing_tariff": add_tariff,
    "billing_energycost": add_energy_cost,
    "billing_pricegroup": add_price_group,
    "billing_cdr": add_cdr,
    "billing_ledgeraccount": add_ledger_account,
    "billing_journalentry": add_journal_entry,
    "billing_dunningcase": add_dunning_case,
    "billing_dunningpolicy": add_dunning_policy,
    "billing_export": add_export,
    "billing_exportschedule": add_export_schedule,
    **INVOICE_LISTS,
    **PAYMENT_LISTS,
    **WALLET_LISTS,
}


#: Lists that operators do not see: the books are for those who keep them.
FOR_FINANCE = (
    {
        "billing_export",
        "billing_exportschedule",
        "billing_ledgeraccount",
        "billing_journalentry",
        "billing_dunningpolicy",
    }
    | FINANCE_LISTS
    | INVOICE_LISTS_OF_FINANCE
)


#: Lists of no operator's rows; they have tests of their own.
THE_SAME_FOR_ALL = {"billing_spotprice"}


def role_of(name) -> str:
    return "finance" if name in FOR_FINANCE else "operator"


def queries_of(client, url) -> tuple[int, list[str]]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = client.get(url)
    assert response.status_code == 200
    return len(captured), [query["sql"] for query in captured]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_at_one_row_and_at_three(name, operator, colleague, browser):
    user = colleague(role_of(name))
    client, url = browser(user), reverse(f"admin:{name}_changelist")
    LISTS[name](operator, user)
    client.get(url)  # what is read once per process has been read
    at_one, _ = queries_of(client, url)
    LISTS[name](operator, user)
    LISTS[name](operator, user)
    at_three, sql = queries_of(client, url)
    assert at_three == at_one, "\n".join(sql)


@pytest.mark.parametrize("name", LISTS)
def test_a_stranger_sees_none_of_the_rows(name, operator, colleague, stranger, browser):
    LISTS[name](operator, colleague("operator"))
    elsewhere = stranger.memberships.get().organisation
    stranger.memberships.update(role=role_of(name))
    url = reverse(f"admin:{name}_changelist")
    response = browser(stranger).get(url)
    found = response.context["cl"].queryset
    own = {
        "accounts_user": {stranger.pk},
        "accounts_organisation": {elsewhere.pk},
    }
    assert {row.pk for row in found} - own.get(name, set()) - drivers_known_to_all(name) == set()


def drivers_known_to_all(name) -> set[int]:
    """People who have signed up and charged nowhere yet may ask anybody for help."""
    from accounts.models import User

    newcomers = User.objects.filter(memberships=None, charging_sessions=None)
    return set(newcomers.values_list("pk", flat=True)) if name == "accounts_user" else set()


@pytest.mark.parametrize("name", LISTS)
def test_the_filters_and_search_of_a_list_work(name, operator, colleague, browser):
    user = colleague(role_of(name))
    LISTS[name](operator, user)
    model_admin = next(a for a in admin.site._registry.values() if url_name(a) == name)
    url = reverse(f"admin:{name}_changelist")
    query = {"q": "1"} if model_admin.search_fields else {}
    assert browser(user).get(url, query).status_code == 200


def url_name(model_admin) -> str:
    return f"{model_admin.opts.app_label}_{model_admin.opts.model_name}"


def test_every_model_of_ours_in_the_admin_has_a_list_test():
    ours = {"accounts", "stations", "charging_sessions", "billing"}
    registered = {url_name(a) for a in admin.site._registry.values() if a.opts.app_label in ours}
    assert registered == set(LISTS) | THE_SAME_FOR_ALL


def test_every_admin_wears_the_same_look():
    from unfold.admin import ModelAdmin

    assert [a for a in admin.site._registry.values() if not isinstance(a, ModelAdmin)] == []
