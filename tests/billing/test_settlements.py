"""What the operator owes: hosts' shares, drivers' charging at home, and the file that pays them."""

import datetime as dt
from decimal import Decimal

import pytest

from accounts.models import Organisation
from billing.invoicing import payouts, runs
from billing.invoicing.credits import credit_invoice
from billing.invoicing.home_charging import SpotPriceMissing, reimburse_drivers
from billing.invoicing.host_settlements import settle_hosts
from billing.invoicing.settling import open_amount
from billing.models import (
    BillingAccount,
    HomeChargingAgreement,
    Invoice,
    InvoiceRun,
    PayoutFile,
    RevenueShareAgreement,
    SellerProfile,
    SpotPrice,
)
from tests.billing.invoice_builders import (
    NOON,
    NOW,
    balance,
    cdr_of,
    company_account,
    credit_of,
    operator_that_issues,
    person_account,
    place_of,
)
from tests.factories import OrganisationFactory

pytestmark = pytest.mark.django_db
MARCH, APRIL = dt.date(2026, 3, 1), dt.date(2026, 4, 1)
IBAN = "SE4550000000058398257466"


def march(operator: Organisation) -> InvoiceRun:
    return runs.start_run(
        operator, period_start=MARCH, period_end=APRIL, invoice_date=APRIL, by=None, now=NOW
    )


def host_of(operator: Organisation, **facts) -> BillingAccount:
    host = OrganisationFactory(kind=Organisation.Kind.HOST, name="Torget AB")
    SellerProfile.objects.create(organisation=host, legal_name="Torget AB", iban=IBAN, seat="Umeå")
    return BillingAccount.objects.create(
        operator=operator, organisation=host, number="H1", name="Torget AB", language="en",
        **({"vat_number": "SE556000461501"} | facts),
    )  # fmt: skip


def agreement(account: BillingAccount, place, **terms) -> RevenueShareAgreement:
    return RevenueShareAgreement.objects.create(
        operator=account.operator, account=account, location=place.station.location,
        **({"share_percent": Decimal(30), "valid_from": dt.date(2026, 1, 1)} | terms),
    )  # fmt: skip


class TestHosts:
    def test_a_share_of_the_net_revenue_less_the_fee_with_the_hosts_vat(self) -> None:
        operator = operator_that_issues()
        place = place_of(operator)
        agreement(
            host_of(operator),
            place,
            per_kwh=Decimal("0.10"),
            monthly_fee=Decimal(10),
            vat_rate=Decimal("0.25"),
        )
        for _ in range(4):
            cdr_of(person_account(operator), evse=place)
        cdr_of(person_account(operator), evse=place_of(operator, "Elsewhere"))
        (settlement,) = settle_hosts(march(operator), now=NOW)
        # 30 % of 4 x 48.89 = 58.67; 49.38 kWh x 0.10 = 4.94; less 10.00
        lines = [(line.dimension, line.description, line.net) for line in settlement.lines.all()]
        assert lines == [
            ("SHARE", "30% of SEK\u00a0195.56 without VAT, Square", Decimal("58.67")),
            ("HOST_KWH", "49.38\u00a0kWh charged, Square", Decimal("4.94")),
            ("HOST_FEE", "The operator's fee, Square", Decimal("-10.00")),
        ]
        assert (settlement.total_net, settlement.total_vat, settlement.payable) == (
            Decimal("53.61"), Decimal("13.40"), Decimal("67.02"),
        )  # fmt: skip
        assert settlement.full_number == f"S-{settlement.account_id}-1"
        assert (settlement.seller["name"], settlement.buyer["name"]) == ("Torget AB", "Ladda AB")
        assert balance(operator, "host_share") == Decimal("53.61")
        assert balance(operator, "payable") == -settlement.payable

    def test_a_host_that_is_not_registered_states_no_vat(self) -> None:
        operator = operator_that_issues()
        place = place_of(operator)
        agreement(host_of(operator, vat_number=""), place)
        cdr_of(person_account(operator), evse=place)
        (settlement,) = settle_hosts(march(operator), now=NOW)
        assert (settlement.total_vat, settlement.payable) == (Decimal(0), Decimal("14.67"))

    def test_settling_the_same_month_twice_makes_one_document(self) -> None:
        operator = operator_that_issues()
        place = place_of(operator)
        agreement(host_of(operator), place)
        cdr_of(person_account(operator), evse=place)
        run = march(operator)
        assert [len(settle_hosts(run, now=NOW)) for _ in range(2)] == [1, 0]
        assert Invoice.objects.filter(kind="self_billing").count() == 1

    def test_a_corrected_session_counts_in_the_month_of_its_correction(self) -> None:
        operator = operator_that_issues()
        place = place_of(operator)
        agreement(host_of(operator), place)
        cdr = cdr_of(person_account(operator), evse=place)
        credit_of(cdr, at=NOW)
        (settlement,) = settle_hosts(march(operator), now=NOW)
        assert settlement.total_net == Decimal("14.67")

    def test_the_fee_never_takes_more_than_was_earned_and_nothing_is_no_document(self) -> None:
        operator = operator_that_issues()
        place = place_of(operator)
        agreement(host_of(operator), place, monthly_fee=Decimal(500))
        cdr_of(person_account(operator), evse=place)
        assert settle_hosts(march(operator), now=NOW) == []

    def test_an_agreement_counts_from_its_first_day_to_its_last(self) -> None:
        operator = operator_that_issues()
        place = place_of(operator)
        agreement(host_of(operator), place, valid_from=dt.date(2026, 3, 10), valid_until=dt.date(2026, 3, 11))
        for day in (9, 10, 11):
            cdr_of(person_account(operator), evse=place, at=dt.datetime(2026, 3, day, 12, tzinfo=dt.UTC))
        (settlement,) = settle_hosts(march(operator), now=NOW)
        assert settlement.total_net == Decimal("14.67")

    def test_a_settlement_is_credited_as_what_it_was(self) -> None:
        operator = operator_that_issues()
        place = place_of(operator)
        agreement(host_of(operator), place)
        cdr_of(person_account(operator), evse=place)
        (settlement,) = settle_hosts(march(operator), now=NOW)
        note = credit_invoice(settlement, reason="Wrong share", now=NOW, by=None)
        assert note.full_number == f"S-{settlement.account_id}-2"
        roles = ("host_share", "payable", "input_vat", "receivable")
        assert [balance(operator, role) for role in roles] == [Decimal(0)] * 4


class TestChargingAtHome:
    def home(self, operator: Organisation, **terms) -> tuple[HomeChargingAgreement, BillingAccount]:
        employer = company_account(operator)
        driver = person_account(operator)
        place = place_of(operator, "Home")
        made = HomeChargingAgreement.objects.create(
            account=employer, user=driver.user, station=place.station, iban=IBAN, valid_from=MARCH,
            **({"price_per_kwh": Decimal("1.5000")} | terms),
        )  # fmt: skip
        return made, driver

    def test_a_fixed_price_per_kwh_session_by_session(self) -> None:
        operator = operator_that_issues()
        _, driver = self.home(operator)
        place = place_of(operator, "Home")
        for kwh in ("12.345", "10"):
            cdr_of(driver, gross="0.00", kwh=kwh, evse=place)
        run = march(operator)
        (statement,) = reimburse_drivers(run, now=NOW)
        assert [(line.quantity, line.unit_price_net, line.net) for line in statement.lines.all()] == [
            (Decimal("12.345"), Decimal("1.50"), Decimal("18.52")),
            (Decimal(10), Decimal("1.50"), Decimal("15.00")),
        ]
        assert (statement.full_number, statement.account, statement.payable, statement.total_vat) == (
            "E-1", driver, Decimal("33.52"), Decimal(0),
        )  # fmt: skip
        assert (balance(operator, "reimbursement"), balance(operator, "payable")) == (
            Decimal("33.52"), Decimal("-33.52"),
        )  # fmt: skip
        assert reimburse_drivers(run, now=NOW) == []

    def test_the_spot_price_of_each_quarter_and_what_is_added(self) -> None:
        operator = operator_that_issues()
        _, driver = self.home(
            operator, price_kind="spot", price_per_kwh=Decimal("0.5000"), bidding_area="SE3"
        )
        periods = [
            {
                "start": NOON.isoformat(), "end": (NOON + dt.timedelta(minutes=30)).isoformat(),
                "kind": "CHARGING", "energy_wh": "8000.000",
            }
        ]  # fmt: skip
        cdr_of(driver, gross="0.00", kwh="8", evse=place_of(operator, "Home"), periods_snapshot=periods)
        run = march(operator)
        with pytest.raises(SpotPriceMissing, match="SE3"):
            reimburse_drivers(run, now=NOW)
        assert Invoice.objects.count() == 0
        for quarter, price in enumerate(("0.40", "-0.20")):
            starts = NOON + dt.timedelta(minutes=15 * quarter)
            SpotPrice.objects.create(
                area="SE3", starts_at=starts, ends_at=starts + dt.timedelta(minutes=15),
                price_per_kwh=Decimal(price), source="test", imported_at=NOON,
            )  # fmt: skip
        (statement,) = reimburse_drivers(run, now=NOW)
        # 4 kWh x (0.40 + 0.50) + 4 kWh x (-0.20 + 0.50)
        assert statement.payable == Decimal("4.80")


class TestPayouts:
    def test_what_is_due_is_paid_once_and_settled_when_the_bank_has_done_it(self) -> None:
        operator = operator_that_issues(payment_terms_days=0)
        place = place_of(operator)
        agreement(host_of(operator, vat_number=""), place)
        cdr_of(person_account(operator), evse=place)
        (settlement,) = settle_hosts(march(operator), now=NOW)
        file = payouts.gather(operator, execution_date=APRIL, currency="SEK", by=None, now=NOW)
        payout = file.payouts.get()
        assert (file.total, file.count, payout.iban, payout.reference) == (
            Decimal("14.67"), 1, IBAN, settlement.full_number,
        )  # fmt: skip
        with pytest.raises(payouts.NothingToPayOut):
            payouts.gather(operator, execution_date=APRIL, currency="SEK", by=None, now=NOW)
        assert PayoutFile.objects.count() == 1
        assert [payouts.paid(file, by=None, now=NOW) for _ in range(2)] == [True, False]
        assert (open_amount(settlement), balance(operator, "payable")) == (Decimal(0), Decimal(0))
        assert balance(operator, "bank") == Decimal("-14.67")

    def test_what_is_not_due_or_has_no_account_waits(self) -> None:
        operator = operator_that_issues()
        place = place_of(operator)
        agreement(host_of(operator), place)
        SellerProfile.objects.filter(organisation__kind="host").update(iban="")
        cdr_of(person_account(operator), evse=place)
        settle_hosts(march(operator), now=NOW)
        assert payouts.waiting(operator, due_by=APRIL) == []
        (waits,) = payouts.waiting(operator, due_by=dt.date(2026, 5, 1))
        assert (waits.iban, waits.name) == ("", "Torget AB")
        with pytest.raises(payouts.NothingToPayOut):
            payouts.gather(operator, execution_date=dt.date(2026, 5, 1), currency="SEK", by=None, now=NOW)
        assert PayoutFile.objects.count() == 0
