"""The live price at the end is the CDR is the lines of the invoice; sums hold whatever was charged."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from billing import cdrs
from billing.invoicing import runs
from billing.invoicing.credits import credit_invoice
from billing.invoicing.settling import open_amount
from billing.invoicing.vat import totals
from billing.models import BillingAccount, Invoice, SellerProfile
from billing.pricing import SessionPricing
from sessions.models import ChargingSession
from tests.billing.conftest import MakeTariff
from tests.billing.invoice_builders import balance, operator_that_issues, person_account
from tests.billing.test_invoice_issuing import fee
from tests.sessions.conftest import NOON, Says

RATES = (None, Decimal(0), Decimal("0.06"), Decimal("0.12"), Decimal("0.25"))


@st.composite
def rated_lines(draw: st.DrawFn):
    """Lines as CDRs have them: gross from the price, net rounded, VAT between them."""
    gross = draw(st.decimals("0.00", "9999.99", places=2))
    rate = draw(st.sampled_from(RATES))
    net = (gross / (1 + (rate or 0))).quantize(Decimal("0.01"))
    line = fee(net=str(net), rate=None if rate is None else str(rate))
    return type(line)(
        **{name: getattr(line, name) for name in line.__slots__} | {"vat": gross - net, "gross": gross}
    )


@given(st.lists(rated_lines(), min_size=1, max_size=40), st.booleans())
def test_what_is_to_pay_is_the_sum_of_the_sessions_and_everything_adds_up(lines, to_whole: bool) -> None:
    found = totals(tuple(lines), to_whole=to_whole)
    gross = sum((line.gross for line in lines), Decimal(0))
    assert found.payable == found.net + found.vat + found.rounding
    assert found.net == sum((line.net for line in lines), Decimal(0)) == sum(v.net for v in found.vat_sums)
    assert found.vat == sum(v.vat for v in found.vat_sums)
    assert abs(found.payable - gross) <= (Decimal("0.50") if to_whole else Decimal(0))
    assert all(abs(v.vat - v.net * v.rate) <= Decimal("0.005") for v in found.vat_sums)


@given(st.lists(rated_lines(), min_size=1, max_size=20))
def test_a_credit_of_everything_is_the_document_turned_round(lines) -> None:
    found = totals(tuple(lines))
    turned = totals(
        tuple(
            type(line)(
                **{name: getattr(line, name) for name in line.__slots__}
                | {name: -getattr(line, name) for name in ("net", "vat", "gross")}
            )
            for line in lines
        )
    )
    assert (turned.net, turned.vat, turned.rounding, turned.payable) == (
        -found.net, -found.vat, -found.rounding, -found.payable,
    )  # fmt: skip


class TestTheBooks(TestCase):
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.lists(rated_lines(), min_size=1, max_size=4), min_size=1, max_size=4), st.booleans())
    def test_the_receivable_is_what_is_to_pay_and_nothing_stays_unbilled(
        self, sessions, rounds: bool
    ) -> None:
        operator = operator_that_issues(rounds_to_krona=rounds)
        account = person_account(operator)
        for lines in sessions:
            cdr_with(account, lines)
        run = runs.start_run(
            operator, period_start=dt.date(2026, 3, 1), period_end=dt.date(2026, 4, 1),
            invoice_date=dt.date(2026, 4, 1), by=None, now=NOON,
        )  # fmt: skip
        for item_ids in runs.pending_batches(run):
            runs.issue_items(run.pk, item_ids=item_ids, now=NOON)
        assert not run.items.filter(state="failed").exists()
        invoice = Invoice.objects.filter(account=account).first()
        gross = sum((line.gross for lines in sessions for line in lines), Decimal(0))
        payable = invoice.payable if invoice else Decimal(0)
        assert abs(payable - gross) <= (Decimal("0.50") if rounds else Decimal(0))
        assert balance(operator, "receivable") == payable
        assert balance(operator, "unbilled") == (Decimal(0) if invoice else balance(operator, "unbilled"))
        if invoice is not None:
            credit_invoice(invoice, reason="All", now=NOON, by=None)
            assert open_amount(invoice) == balance(operator, "receivable") == Decimal(0)


def cdr_with(account: BillingAccount, lines):
    """A CDR with these lines, posted."""
    from billing.ledger import postings
    from billing.models import Cdr, CdrLine
    from tests.billing.invoice_builders import place_of
    from tests.factories import SessionFactory

    session = SessionFactory(
        ended=True, evse=place_of(account.operator), id_token=None, user=account.user, started_at=NOON,
        ocpp_version="2.0.1",
    )  # fmt: skip
    net, vat = (sum((getattr(line, name) for line in lines), Decimal(0)) for name in ("net", "vat"))
    cdr = Cdr.objects.create(
        session=session, operator=account.operator, account=account, payment_kind="invoice", currency="SEK",
        total_excl_vat=net, total_vat=vat, total_incl_vat=net + vat, energy_wh=11_000, charging_s=3600,
        parking_s=0, started_at=NOON, ended_at=NOON + dt.timedelta(hours=1), time_zone="Europe/Stockholm",
        periods_snapshot=[], rated_at=NOON,
    )  # fmt: skip
    CdrLine.objects.bulk_create(
        CdrLine(
            cdr=cdr, position=place, dimension="FLAT", quantity=1, unit="x", unit_price=line.gross,
            price_includes_vat=True, vat_rate=line.vat_rate, amount_excl_vat=line.net, amount_vat=line.vat,
            amount_incl_vat=line.gross, trace={},
        )
        for place, line in enumerate(lines, start=1)
    )  # fmt: skip
    postings.cdr_rated(cdr)
    return cdr


@pytest.mark.django_db
@pytest.mark.parametrize("tax_included", ["YES", "NO"])
@pytest.mark.parametrize("stop_wh", [1_001, 7_777, 13_345, 98_765])
def test_the_live_price_at_the_end_is_the_cdr_is_the_invoice(
    says: Says, make_tariff: MakeTariff, stop_wh: int, tax_included: str
) -> None:
    make_tariff(ENERGY="4.95", TIME="6.00", FLAT="5.00", tax_included=tax_included)
    reply = says.start()
    says.meter(reply.transaction_ref, (59, stop_wh))
    at_the_end = says.later(hours=1)
    says.meter(reply.transaction_ref, (60, stop_wh))
    live = SessionPricing().price(ChargingSession.objects.get(), now=at_the_end)
    says.stop(reply.transaction_ref, meter_stop_wh=stop_wh)
    cdr = cdrs.rate_session(ChargingSession.objects.get().pk, now=at_the_end)
    assert cdr is not None
    assert cdr.account is not None
    operator = cdr.account.operator
    operator.registration_number = "556000-4615"
    operator.save()
    SellerProfile.objects.create(
        organisation=operator, legal_name="X AB", street="S 1", postal_code="903 26", city="Umeå"
    )
    run = runs.start_run(
        operator, period_start=dt.date(2026, 3, 1), period_end=dt.date(2026, 4, 1),
        invoice_date=dt.date(2026, 4, 1), by=None, now=at_the_end,
    )  # fmt: skip
    (item_ids,) = runs.pending_batches(run)
    runs.issue_items(run.pk, item_ids=item_ids, now=at_the_end)
    invoice = Invoice.objects.get()
    assert live is not None
    amounts = [
        (line.dimension, line.amount_excl_vat, line.amount_vat, line.amount_incl_vat) for line in live.lines
    ]
    assert amounts == [
        (line.dimension, line.amount_excl_vat, line.amount_vat, line.amount_incl_vat)
        for line in cdr.lines.all()
    ]
    assert amounts == [(line.dimension, line.net, line.vat, line.gross) for line in invoice.lines.all()]
    assert live.total_incl_vat == cdr.total_incl_vat == invoice.payable == balance(operator, "receivable")
