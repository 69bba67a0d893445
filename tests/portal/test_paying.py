"""The payment section: own accounts only, and everything about paying in one place."""

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Membership, Organisation, User
from billing.invoicing.drafts import Draft, DraftLine
from billing.invoicing.issuing import issue
from billing.invoicing.settling import settle
from billing.models import (
    BillingAccount,
    Card,
    Invoice,
    Payment,
    Plan,
    SellerProfile,
    StripeCustomer,
    Subscription,
    Wallet,
    WalletEntry,
)
from tests.billing.stripe_fixture import Stripe, stripe_fake
from tests.portal.conftest import logged_in, make_user

__all__ = ["stripe_fake"]
pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 3, 11)


@pytest.fixture
def account(operator: Organisation, driver: User) -> BillingAccount:
    SellerProfile.objects.create(
        organisation=operator, legal_name="Norrkraft AB", street="Gatan 1", postal_code="903 26", city="Umeå",
        seat="Umeå", email="faktura@norrkraft.test",
    )  # fmt: skip
    Organisation.objects.update(registration_number="556016-0680", vat_number="SE556016068001")
    return BillingAccount.objects.create(
        operator=operator, user=driver, number="P1", name="Anna Lind", collection="card", language="en"
    )


@pytest.fixture
def make_document(account: BillingAccount) -> Callable[..., Invoice]:
    def make(gross: str = "125", *, kind: str = "invoice") -> Invoice:
        total = Decimal(gross)
        net = (total / Decimal("1.25")).quantize(Decimal("0.01"))
        line = DraftLine(
            dimension="FEE", description="Fee", quantity=Decimal(1), unit="", unit_price_net=net,
            vat_rate=Decimal("0.25"), net=net, vat=total - net, gross=total, currency="SEK",
        )  # fmt: skip
        draft = Draft(
            operator_id=account.operator_id, account=account, kind=Invoice.Kind(kind), currency="SEK",
            invoice_date=TODAY, lines=(line,),
        )  # fmt: skip
        return issue(draft, now=timezone.now())

    return make


def page(client: Client, account: BillingAccount, name: str = "payment", **query: str) -> str:
    return client.get(reverse(name, args=[account.public_id]), query).content.decode()


def post(client: Client, account: BillingAccount, view: str, /, *args: object, **data: object):
    return client.post(reverse(view, args=[account.public_id, *args]), data, follow=True)


def test_the_first_visit_opens_the_account_and_leads_to_it(operator, driver, driver_client):
    answer = driver_client.get(reverse("payment-home"))
    account = BillingAccount.objects.get(user=driver)
    assert answer.url == reverse("payment", args=[account.public_id])


def test_without_a_seller_there_is_nothing_to_pay(driver_client):
    assert driver_client.get(reverse("payment-home")).status_code == 404


def test_a_fleet_manager_chooses_between_the_own_and_the_fleets_account(operator, driver, driver_client):
    fleet = Organisation.objects.create(kind="fleet", name="Vans AB")
    Membership.objects.create(user=driver, organisation=fleet, role="fleet_manager")
    BillingAccount.objects.create(operator=operator, organisation=fleet, number="O1", name="Vans AB")
    text = driver_client.get(reverse("payment-home")).content.decode()
    assert "Vans AB" in text
    assert "Anna Lind" in text


PAGES = ("payment", "payment-details", "payment-documents", "wallet", "subscription")
ACTS = (
    "payment-method", "payment-card-add", "wallet-top-up", "wallet-automatic", "wallet-pay-back",
    "subscription-cancel", "subscription-undo",
)  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_the_owner_sees_the_page_and_nobody_else(name, account, driver_client, colleague, stranger):
    address = reverse(name, args=[account.public_id])
    assert driver_client.get(address).status_code == 200
    for user in (colleague, stranger):
        assert logged_in(user).get(address).status_code == 404
    assert Client().get(address).url.startswith("/account/login/")


@pytest.mark.parametrize("name", ACTS)
def test_nobody_else_acts_for_the_owner(name, account, colleague, stranger):
    address = reverse(name, args=[account.public_id])
    for user in (colleague, stranger):
        assert logged_in(user).post(address, {"method": "wallet", "amount": "100"}).status_code == 404
    assert not Payment.objects.exists()


# --- documents


def test_open_amounts_stand_first_and_plainly(account, driver_client, make_document):
    make_document("125")
    part_paid = make_document("200")
    settle(part_paid, kind="bank", amount=Decimal(50), key="b1", now=timezone.now())
    text = page(driver_client, account)
    assert "To pay: SEK\u00a0275.00" in text
    assert reverse("pay-invoice", args=[part_paid.public_id]) in text
    assert "SEK\u00a0150.00" in text


def test_when_everything_is_paid_it_says_so(account, driver_client, make_document):
    invoice = make_document("125")
    settle(invoice, kind="bank", amount=Decimal(125), key="b1", now=timezone.now())
    assert "Nothing is open." in page(driver_client, account)


def test_a_document_is_a_pdf_for_whoever_may_see_it(
    account, driver_client, make_document, stranger, operator
):
    address = reverse("payment-document", args=[make_document().public_id])
    answer = driver_client.get(address)
    assert (answer["Content-Type"], answer.content[:5]) == ("application/pdf", b"%PDF-")
    finance = make_user("finance@example.test")
    Membership.objects.create(user=finance, organisation=operator, role="finance")
    assert logged_in(finance).get(address).status_code == 200
    assert logged_in(stranger).get(address).status_code == 404


def test_the_list_costs_the_same_for_one_and_three(
    account, driver_client, make_document, django_assert_num_queries
):
    address = reverse("payment-documents", args=[account.public_id])
    make_document()
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as one:
        driver_client.get(address)
    make_document()
    make_document()
    with django_assert_num_queries(len(one)):
        driver_client.get(address)


# --- details and the way to pay


def test_the_invoice_address_is_changed_and_audited(account, driver_client):
    post(
        driver_client, account, "payment-details", name="Anna L", street="Vägen 2", postal_code="111 22",
        city="Kiruna", country="SE", email="a@example.test", language="sv", reference="",
    )  # fmt: skip
    account.refresh_from_db()
    assert (account.name, account.city) == ("Anna L", "Kiruna")
    assert AuditEntry.objects.filter(act="billingaccount.changed").exists()


@pytest.mark.parametrize("field", ["collection", "blocked_at", "number", "user", "payment_terms_days"])
def test_nothing_else_can_be_changed_there(account, driver_client, field):
    before = getattr(account, field)
    post(
        driver_client, account, "payment-details", name="Anna", country="SE", language="sv",
        **{field: "invoice"},
    )  # fmt: skip
    account.refresh_from_db()
    assert getattr(account, field) == before


@pytest.mark.parametrize(
    ("method", "after"), [("wallet", "wallet"), ("invoice", "card"), ("free", "card"), ("", "card")]
)
def test_one_chooses_card_or_wallet_but_an_invoice_only_where_it_is_allowed(
    account, driver_client, method, after
):
    post(driver_client, account, "payment-method", method=method)
    account.refresh_from_db()
    assert account.collection == after


def test_where_the_operator_allows_it_everybody_may_have_an_invoice(account, driver_client, settings):
    settings.INVOICES_FOR_EVERYBODY = True
    post(driver_client, account, "payment-method", method="invoice")
    account.refresh_from_db()
    assert account.collection == "invoice"


# --- cards


def save_card(client: Client, account: BillingAccount, stripe: Stripe, number: str) -> str:
    opened = client.post(reverse("payment-card-add", args=[account.public_id]))
    back = stripe.pay(opened.url, number)
    return client.get(back.removeprefix("http://testserver"), follow=True).content.decode()


def test_a_card_is_saved_once_on_the_processors_page(account, driver_client, stripe_fake):
    text = save_card(driver_client, account, stripe_fake, "4242 4242 4242 4242")
    stripe_fake.deliver(times=2)
    card = Card.objects.get()
    assert (card.account, card.last4, card.is_default) == (account, "4242", True)
    assert "Your card is saved." in text
    assert "•••• 4242" in page(driver_client, account)


def test_the_first_card_stays_first_until_another_is_chosen_or_it_is_removed(
    account, driver_client, stripe_fake
):
    for number in ("4242 4242 4242 4242", "5555 5555 5555 4444"):
        save_card(driver_client, account, stripe_fake, number)
    first, second = Card.objects.order_by("pk")
    post(driver_client, account, "payment-card-prefer", second.pk)
    assert [c.is_default for c in Card.objects.order_by("pk")] == [False, True]
    post(driver_client, account, "payment-card-remove", second.pk)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.is_default, second.is_default) == (True, False)
    assert second.removed_at is not None
    stripe_fake.deliver()
    assert Card.objects.filter(removed_at=None).count() == 1


def test_somebody_elses_card_page_saves_nothing(account, driver_client, stranger, operator, stripe_fake):
    other = BillingAccount.objects.create(operator=operator, user=stranger, number="P2", name="Other")
    opened = logged_in(stranger).post(reverse("payment-card-add", args=[other.public_id]))
    back = stripe_fake.pay(opened.url)
    session_id = re.search(r"page=(\w+)", back)[1]
    page(driver_client, account, page=session_id)
    assert not Card.objects.filter(account=account).exists()


def test_a_strangers_card_cannot_be_touched(account, driver_client, stranger, operator, stripe_fake):
    other = BillingAccount.objects.create(operator=operator, user=stranger, number="P2", name="Other")
    StripeCustomer.objects.create(account=other, stripe_id="cus_x")
    card = Card.objects.create(account=other, stripe_id="pm_x", is_default=True)
    for name in ("payment-card-prefer", "payment-card-remove"):
        assert post(driver_client, account, name, card.pk).status_code == 404
    assert stripe_fake.asked("POST", "/v1/payment_methods") == 0


def test_when_the_processor_is_away_the_page_says_so(account, driver_client, stripe_fake):
    stripe_fake.fake.secret_key = "changed"
    text = post(driver_client, account, "payment-card-add").content.decode()
    assert "cannot be reached right now" in text


# --- wallet


def test_the_wallet_is_filled_on_the_processors_page(account, driver_client, stripe_fake):
    text = page(driver_client, account, "wallet")
    attempt = re.search(r'name="attempt" value="(\w+)"', text)[1]
    opened = driver_client.post(
        reverse("wallet-top-up", args=[account.public_id]), {"attempt": attempt, "amount": "200"}
    )
    back = stripe_fake.pay(opened.url)
    text = driver_client.get(back.removeprefix("http://testserver"), follow=True).content.decode()
    assert "The money is in your wallet." in text
    assert "+SEK\u00a0200.00" in text
    assert Wallet.objects.get().balance == 200


@pytest.mark.parametrize("amount", ["", "x", "-5", "1e9", "10", "99999999999", "NaN"])
def test_amounts_that_are_none_open_no_payment(account, driver_client, stripe_fake, amount):
    post(driver_client, account, "wallet-top-up", attempt="a" * 24, amount=amount)
    assert not Payment.objects.exists()


def test_the_wallet_fills_itself_only_with_a_card_and_until_it_is_switched_off(
    account, driver_client, stripe_fake
):
    wish = {"top_up_below": "100", "top_up_amount": "300"}
    text = post(driver_client, account, "wallet-automatic", **wish).content.decode()
    assert "Save a card first" in text
    Card.objects.create(account=account, stripe_id="pm_1", is_default=True, last4="4242", brand="visa")
    post(driver_client, account, "wallet-automatic", **wish)
    wallet = Wallet.objects.get()
    assert (wallet.top_up_below, wallet.top_up_amount) == (100, 300)
    post(driver_client, account, "wallet-automatic", top_up_below="100", top_up_amount="9999999")
    post(driver_client, account, "wallet-automatic", off="1")
    wallet.refresh_from_db()
    assert (wallet.top_up_below, wallet.top_up_amount) == (None, None)


def test_the_wallets_history_costs_the_same_for_one_and_three(
    account, driver_client, django_assert_num_queries
):
    wallet = Wallet.objects.create(account=account, balance=3)

    def enter(n: int) -> None:
        WalletEntry.objects.create(
            wallet=wallet,
            kind="adjustment",
            amount=1,
            balance_after=n,
            key=f"k{n}",
            created_at=timezone.now(),
        )

    enter(1)
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as one:
        page(driver_client, account, "wallet")
    enter(2)
    enter(3)
    with django_assert_num_queries(len(one)):
        page(driver_client, account, "wallet")


# --- subscription


def test_a_plan_says_what_it_costs_and_from_when_and_is_chosen(account, driver_client, operator):
    plan = Plan.objects.create(
        operator=operator, name="Plus", monthly_fee=Decimal(199), included_kwh=50, discount_percent=10
    )
    text = page(driver_client, account, "subscription")
    for words in (
        "SEK\u00a0199.00 a month",
        "50 kWh a month included",
        "10% off",
        "For the rest of this month",
    ):
        assert words in text
    post(driver_client, account, "subscription-choose", plan.public_id)
    assert Subscription.objects.get().plan == plan
    text = page(driver_client, account, "subscription")
    assert "Used this month" in text
    post(driver_client, account, "subscription-cancel")
    assert Subscription.objects.get().ends_on is not None
    post(driver_client, account, "subscription-undo")
    assert Subscription.objects.get().ends_on is None


def test_another_operators_plan_is_not_found(account, driver_client):
    other = Organisation.objects.create(kind="operator", name="Other")
    plan = Plan.objects.create(operator=other, name="Theirs", monthly_fee=1)
    assert post(driver_client, account, "subscription-choose", plan.public_id).status_code == 404
    assert "Theirs" not in page(driver_client, account, "subscription")
