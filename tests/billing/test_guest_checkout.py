"""Charging without an account: pay, start, charge, pay what it cost, and every way it can go wrong."""

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import IdToken, User
from billing import cdrs
from billing.models import GuestCheckout, Invoice, JournalEntry, Payment, PriceComponent, SellerProfile
from billing.payments import guest, guest_sweep
from billing.tasks import advance_guests, mail_guest_receipt
from sessions.models import ChargingSession, StartRequest
from stations.models import ConnectorStatus, Evse, StationCommand
from tests.billing.stripe_fixture import DECLINED, Stripe, stripe_fake
from tests.factories import online_evse, priced_tariff

__all__ = ["stripe_fake"]
pytestmark = pytest.mark.django_db
HTMX = {"hx-request": "true"}


@dataclass
class Guest:
    """Somebody at an outlet with a phone."""

    evse: Evse
    stripe: Stripe
    client: Client

    @property
    def page(self) -> str:
        return reverse("guest-outlet", args=[self.evse.evse_id])

    def form(self, **fields: str) -> dict[str, str]:
        shown = self.client.get(self.page).content.decode()
        attempt = re.search(r'name="attempt" value="([^"]+)"', shown)
        assert attempt is not None, shown
        return {"attempt": attempt[1], "email": "", **fields}

    def press_pay(self, **fields: str) -> str:
        answer = self.client.post(self.page, self.form(**fields))
        assert answer.status_code == 302, answer.content.decode()
        return answer.url

    def pay(self, **fields: str) -> GuestCheckout:
        """Paid on the payment page, and back on ours."""
        self.come_back(self.stripe.pay(self.press_pay(**fields)))
        return GuestCheckout.objects.get()

    def come_back(self, address: str) -> str:
        return self.client.get(address.removeprefix("http://testserver")).content.decode()

    def look(self, **headers: str) -> str:
        address = reverse("guest-session", args=[GuestCheckout.objects.get().token])
        return self.client.get(address, headers=headers).content.decode()

    def charge(self, *, energy_wh: int = 10_000, running: bool = False) -> ChargingSession:
        """The charger begins the session that was asked for, and ends it."""
        request = StartRequest.objects.get()
        began = timezone.now() - dt.timedelta(minutes=30)
        end = (
            {}
            if running
            else {
                "state": "ended",
                "ended_at": began + dt.timedelta(minutes=20),
                "meter_stop_wh": 1000 + energy_wh,
                "energy_wh": energy_wh,
            }
        )
        session = ChargingSession.objects.create(
            station=self.evse.station, evse=self.evse, connector_number=1, transaction_ref="77",
            ocpp_version="1.6", id_token=request.id_token, id_token_uid=request.id_token.uid,
            authorization_status="accepted", started_at=began, start_received_at=began,
            meter_start_wh=1000, **end,
        )  # fmt: skip
        StartRequest.objects.update(state="started", session=session)
        return session

    def rate(self, session: ChargingSession) -> None:
        assert cdrs.rate_session(session.pk, now=timezone.now()) is not None


@pytest.fixture
def evse() -> Evse:
    evse = online_evse()
    Evse.objects.filter(pk=evse.pk).update(evse_id="SE*TST*E1*1")
    evse.refresh_from_db()
    operator = evse.station.location.operator
    SellerProfile.objects.create(
        organisation=operator, legal_name="Norrkraft AB", street="Gatan 1", postal_code="903 26", city="Umeå",
        seat="Umeå", email="faktura@norrkraft.test",
    )  # fmt: skip
    type(operator).objects.update(registration_number="556016-0680", vat_number="SE556016068001")
    priced_tariff(operator=operator, ENERGY="5", FLAT="10")
    return evse


@pytest.fixture
def visitor(evse: Evse, stripe_fake: Stripe) -> Guest:
    return Guest(evse, stripe_fake, Client())


def payment() -> Payment:
    return Payment.objects.get()


def intent(visitor: Guest) -> dict:
    return visitor.stripe.store.objects[payment().stripe_payment_intent]


def answered(state: str) -> None:
    StationCommand.objects.update(state=state, finished_at=timezone.now())


# --- the page behind the QR code


def test_everybody_sees_the_price_with_vat_and_what_is_reserved(visitor):
    page = visitor.client.get(visitor.page).content.decode()
    for text in ("SEK\u00a05.00 per kWh", "SEK\u00a010.00 for each start", "VAT is included."):
        assert text in page
    assert page.index("per kWh") < page.index("for each start")
    assert "SEK\u00a0500.00 is reserved on your card" in page
    assert "SE*TST*E1*1" in page
    assert "Pay and start" in page


def test_an_outlet_without_an_evse_id_is_found_by_its_station_and_number(visitor):
    Evse.objects.update(evse_id="")
    code = f"{visitor.evse.station.identity}-1"
    assert visitor.client.get(reverse("guest-outlet", args=[code.lower()])).status_code == 200


@pytest.mark.parametrize("code", ["SE*TST*NO", "CP-1-99999999999999", "-1", "x" * 300, "CP-²"])
def test_a_code_that_names_no_outlet_says_so(visitor, code):
    answer = visitor.client.get(reverse("guest-outlet", args=[code]))
    assert answer.status_code == 404
    assert "We do not find this outlet" in answer.content.decode()


def test_places_that_are_not_public_have_no_guests(visitor):
    type(visitor.evse.station.location).objects.update(is_published=False)
    assert visitor.client.get(visitor.page).status_code == 404


@pytest.mark.parametrize("missing", ["seller", "processor"])
def test_without_a_seller_or_a_card_processor_nobody_can_pay(visitor, settings, missing):
    if missing == "seller":
        SellerProfile.objects.all().delete()
    else:
        settings.STRIPE_SECRET_KEY = ""
    page = visitor.client.get(visitor.page).content.decode()
    assert "Guests cannot pay here yet." in page
    assert "Pay and start" not in page


def test_where_charging_is_free_nothing_is_reserved(visitor):
    form = visitor.form()
    PriceComponent.objects.update(price=0)
    page = visitor.client.get(visitor.page).content.decode()
    assert "Charging is free of charge here." in page
    assert "Pay and start" not in page
    visitor.client.post(visitor.page, form)
    assert not Payment.objects.exists()


def test_a_currency_without_an_amount_to_reserve_is_refused(visitor, settings):
    settings.GUEST_HOLD_AMOUNT = {"EUR": Decimal(50)}
    assert "Guests cannot pay in SEK." in visitor.client.get(visitor.page).content.decode()


def test_an_outlet_in_use_cannot_be_paid_for(visitor):
    form = visitor.form()
    visitor.evse.connectors.get().status_intervals.update(status=ConnectorStatus.FAULTED)
    page = visitor.client.post(visitor.page, form).content.decode()
    assert "out of service" in page
    assert not Payment.objects.exists()
    assert visitor.stripe.asked("POST", "/v1/checkout") == 0


@pytest.mark.parametrize("email", ["nobody", "a@b", f"{'x' * 250}@example.test"])
def test_an_address_that_is_none_is_refused(visitor, email):
    page = visitor.client.post(visitor.page, visitor.form(email=email)).content.decode()
    assert 'class="errorlist"' in page
    assert not GuestCheckout.objects.exists()


@pytest.mark.parametrize("attempt", ["", "made up", "x" * 500])
def test_an_attempt_that_we_did_not_hand_out_is_refused(visitor, attempt):
    answer = visitor.client.post(visitor.page, visitor.form(attempt=attempt))
    assert answer.status_code == 200
    assert not GuestCheckout.objects.exists()


def test_one_address_opens_only_so_many_checkouts(visitor, settings):
    settings.GUEST_CHECKOUTS_PER_ADDRESS = 2
    from django.core.cache import cache

    cache.clear()
    statuses = [visitor.client.post(visitor.page, visitor.form()).status_code for _ in range(3)]
    assert statuses == [302, 302, 429]


# --- paying and starting


def test_the_hold_is_asked_for_and_nothing_is_taken(visitor):
    address = visitor.press_pay(email="eva@example.test")
    assert address.startswith(visitor.stripe.fake.address)
    checkout = GuestCheckout.objects.get()
    assert (checkout.state, checkout.email, payment().requested) == ("checkout", "eva@example.test", 500)
    assert re.fullmatch(r"[0-9a-f]{40}", checkout.token)


def test_a_double_click_opens_one_payment_page(visitor):
    form = visitor.form()
    first, second = (visitor.client.post(visitor.page, form).url for _ in range(2))
    assert first == second
    assert GuestCheckout.objects.count() == Payment.objects.count() == 1


def test_coming_back_after_paying_starts_the_charger(visitor):
    checkout = visitor.pay()
    request = StartRequest.objects.get()
    assert (checkout.state, checkout.start_request, request.requested_by) == ("starting", request, None)
    assert (payment().state, payment().authorised, payment().captured) == ("authorised", 500, 0)
    token = request.id_token
    assert (token.type, token.user, token.organisation) == ("Central", None, None)
    assert timezone.now() < token.valid_until < timezone.now() + dt.timedelta(minutes=16)
    assert "Asking the charger…" in visitor.look()


def test_the_message_of_the_card_processor_and_the_return_start_it_once(visitor):
    address = visitor.stripe.pay(visitor.press_pay())
    for _ in range(2):
        assert guest.advance_payment(payment(), now=timezone.now()).state == "starting"
        visitor.come_back(address)
    assert StartRequest.objects.count() == StationCommand.objects.count() == IdToken.objects.count() == 1


def test_the_sweep_starts_what_was_paid_and_left(visitor):
    visitor.stripe.pay(visitor.press_pay())
    GuestCheckout.objects.update(created_at=timezone.now() - dt.timedelta(minutes=1))
    advance_guests()
    assert GuestCheckout.objects.get().state == "starting"


def test_a_declined_card_starts_nothing(visitor):
    page = visitor.stripe.pay(visitor.press_pay(), DECLINED)
    assert "declined" in page
    assert "Waiting for the payment…" in visitor.look()
    assert not StartRequest.objects.exists()


def test_an_abandoned_checkout_expires(visitor):
    visitor.press_pay()
    GuestCheckout.objects.update(expires_at=timezone.now())
    advance_guests()
    assert GuestCheckout.objects.get().state == "expired"
    assert payment().state == "cancelled"
    assert "The payment was not finished in time." in visitor.look()


def test_what_was_paid_too_late_is_released(visitor):
    address = visitor.press_pay()
    GuestCheckout.objects.update(state="expired")
    Payment.objects.update(state="cancelled")
    visitor.come_back(visitor.stripe.pay(address))
    assert (payment().state, intent(visitor)["status"]) == ("cancelled", "canceled")
    assert not StartRequest.objects.exists()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("rejected", "The charger did not accept the start."),
        ("timed_out", "The charger did not accept the start."),
        ("offline", "The charger is not connected right now."),
    ],
)
def test_a_refused_start_releases_the_hold_and_says_what_to_do(visitor, state, words):
    visitor.pay()
    answered(state)
    page = visitor.look()
    assert words in page
    assert "You have paid nothing." in page
    assert "Try again" in page
    assert (payment().state, intent(visitor)["status"]) == ("cancelled", "canceled")
    assert IdToken.objects.get().blocked_at is not None


def test_a_car_that_never_came_releases_the_hold(visitor):
    visitor.pay()
    answered("accepted")
    assert "Plug in the cable…" in visitor.look()
    StartRequest.objects.update(expires_at=timezone.now())
    assert "The charger saw no car in time." in visitor.look()
    assert intent(visitor)["status"] == "canceled"


def test_an_outlet_taken_while_the_guest_paid_releases_the_hold(visitor):
    address = visitor.press_pay()
    other = User.objects.create_user("other@example.test")
    token = IdToken.objects.create(uid="OTHER", user=other)
    StartRequest.objects.create(
        evse=visitor.evse, id_token=token, requested_by=other, requested_at=timezone.now(),
        expires_at=timezone.now() + dt.timedelta(minutes=5),
    )  # fmt: skip
    page = visitor.come_back(visitor.stripe.pay(address))
    assert "taken or went out of service while you paid" in page
    assert (payment().state, intent(visitor)["status"]) == ("cancelled", "canceled")


def test_a_release_that_was_interrupted_is_finished_by_the_sweep(visitor):
    visitor.pay()
    answered("rejected")
    visitor.stripe.fake.secret_key, right = "changed", visitor.stripe.fake.secret_key
    assert "is being released" in visitor.look()
    visitor.stripe.fake.secret_key = right
    assert payment().state == "authorised"
    advance_guests()
    assert (payment().state, intent(visitor)["status"]) == ("cancelled", "canceled")


# --- charging and paying what it cost


def test_the_page_shows_power_energy_and_cost_while_it_charges(visitor):
    visitor.pay()
    visitor.charge(running=True)
    page = visitor.look()
    token = GuestCheckout.objects.get().token
    assert f'data-live="/live/guest/{token}/"' in page
    for text in ("Cost so far", "Energy", "Power", "Stop charging"):
        assert text in page


def test_whoever_polls_is_taken_to_the_next_phase(visitor):
    checkout = visitor.pay()
    address = reverse("guest-session", args=[checkout.token])
    seen = re.search(r'hx-get="([^"]+)"', visitor.look())[1].replace("&amp;", "&")
    assert visitor.client.get(seen, headers=HTMX).status_code == 204
    visitor.charge(running=True)
    assert visitor.client.get(seen, headers=HTMX).headers["HX-Redirect"] == address


def test_the_guest_stops_the_session(visitor):
    checkout = visitor.pay()
    visitor.charge(running=True)
    visitor.look()
    answer = visitor.client.post(reverse("guest-stop", args=[checkout.token]))
    assert answer.url == reverse("guest-session", args=[checkout.token])
    stop = StationCommand.objects.get(kind="remote_stop")
    assert (stop.parameters["transaction_ref"], stop.requested_by) == ("77", None)


def test_the_real_amount_is_captured_the_rest_released_and_the_receipt_mailed(
    visitor, django_capture_on_commit_callbacks
):
    checkout = visitor.pay(email="eva@example.test")
    session = visitor.charge(energy_wh=10_000)
    with django_capture_on_commit_callbacks(execute=True):
        visitor.rate(session)
    checkout.refresh_from_db()
    paid = payment()
    assert (checkout.state, paid.state, paid.captured, paid.authorised) == ("done", "succeeded", 60, 500)
    assert (intent(visitor)["status"], intent(visitor)["amount_received"]) == ("succeeded", 6000)
    receipt = Invoice.objects.get()
    assert (receipt.kind, receipt.payable, receipt.account) == ("receipt", 60, None)
    assert [s.amount for s in receipt.settlements.all()] == [60]
    assert paid.invoice == receipt
    (sent,) = mail.outbox
    assert sent.to == ["eva@example.test"]
    assert [name for name, _, kind in sent.attachments if kind == "application/pdf"]
    page = visitor.look()
    for text in ("Thank you for charging", "SEK\u00a060.00", "SEK\u00a0440.00 have been released"):
        assert text in page


def test_everything_twice_is_paid_once(visitor, django_capture_on_commit_callbacks):
    visitor.pay(email="eva@example.test")
    session = visitor.charge()
    with django_capture_on_commit_callbacks(execute=True):
        visitor.rate(session)
    for _ in range(2):
        advance_guests()
        guest.advance_payment(payment(), now=timezone.now())
        mail_guest_receipt(checkout_id=GuestCheckout.objects.get().pk)
    assert visitor.stripe.asked("POST", f"/v1/payment_intents/{payment().stripe_payment_intent}/capture") == 1
    assert Invoice.objects.count() == len(mail.outbox) == 1


def test_a_lost_answer_to_the_capture_is_asked_for_again(visitor):
    visitor.pay()
    visitor.rate(visitor.charge())
    visitor.stripe.lose_answers(50)
    assert "Working out what it cost…" in visitor.look()
    visitor.stripe.lose_answers(0)
    assert payment().state == "authorised"
    advance_guests()
    assert (payment().state, payment().captured) == ("succeeded", 60)
    assert Invoice.objects.get().settlements.count() == 1


def test_a_session_that_cost_nothing_releases_the_hold(visitor):
    checkout = visitor.pay(email="eva@example.test")
    PriceComponent.objects.update(price=0)
    visitor.rate(visitor.charge(energy_wh=0))
    advance_guests()
    checkout.refresh_from_db()
    assert (checkout.state, payment().state, payment().captured) == ("done", "cancelled", 0)
    assert "Nothing was charged." in visitor.look()
    assert not mail.outbox


def test_never_more_than_the_hold_is_taken(visitor):
    visitor.pay()
    visitor.rate(visitor.charge(energy_wh=150_000))
    advance_guests()
    receipt = Invoice.objects.get()
    assert (payment().captured, receipt.payable) == (500, 760)
    assert {s.kind: s.amount for s in receipt.settlements.all()} == {"payment": 500, "write_off": 260}


def test_a_hold_that_has_run_out_leaves_the_receipt_as_a_loss(visitor):
    visitor.pay()
    visitor.stripe.store.objects[payment().stripe_payment_intent].update(
        status="canceled", amount_capturable=0
    )
    visitor.rate(visitor.charge())
    advance_guests()
    assert payment().state == "cancelled"
    assert {s.kind: s.amount for s in Invoice.objects.get().settlements.all()} == {"write_off": 60}


def test_charging_is_stopped_before_it_costs_more_than_the_hold(visitor, settings):
    visitor.pay()
    session = visitor.charge(running=True)
    visitor.look()
    assert guest_sweep.stop_used_up(now=timezone.now()) == 0
    Payment.objects.update(authorised=10)
    for expected in (1, 0):
        assert guest_sweep.stop_used_up(now=timezone.now()) == expected
    assert StationCommand.objects.filter(kind="remote_stop").count() == 1
    assert session.is_active


def test_a_session_in_doubt_is_not_paid_before_somebody_has_looked(visitor):
    visitor.pay()
    session = visitor.charge()
    ChargingSession.objects.filter(pk=session.pk).update(held_reason="too_much_energy")
    advance_guests()
    page = visitor.look()
    assert "do not look right" in page
    assert payment().state == "authorised"


def test_the_books_balance_after_a_guest(visitor):
    visitor.pay()
    visitor.rate(visitor.charge())
    advance_guests()
    sums: dict[str, Decimal] = {}
    for entry in JournalEntry.objects.prefetch_related("lines__account"):
        for line in entry.lines.all():
            sums[line.account.number] = sums.get(line.account.number, Decimal(0)) + line.amount
    assert {number: amount for number, amount in sums.items() if amount} == {
        "1580": Decimal(60), "3001": Decimal(-48), "2611": Decimal(-12),
    }  # fmt: skip


# --- who sees what


@pytest.mark.parametrize("name", ["guest-session", "guest-receipt"])
def test_only_who_has_the_address_sees_a_guests_page(visitor, name):
    checkout = visitor.pay()
    wrong = checkout.token[:-1] + ("0" if checkout.token[-1] != "0" else "1")
    assert visitor.client.get(reverse(name, args=[wrong])).status_code == 404


def test_the_receipt_is_there_as_a_pdf_and_can_be_mailed_later(visitor):
    checkout = visitor.pay()
    assert visitor.client.get(reverse("guest-receipt", args=[checkout.token])).status_code == 404
    visitor.rate(visitor.charge())
    advance_guests()
    answer = visitor.client.get(reverse("guest-receipt", args=[checkout.token]))
    assert (answer["Content-Type"], answer.content[:5]) == ("application/pdf", b"%PDF-")
    address = reverse("guest-receipt-email", args=[checkout.token])
    visitor.client.post(address, {"email": "nobody"})
    assert not mail.outbox
    for _ in range(2):
        visitor.client.post(address, {"email": "late@example.test"})
    assert [sent.to for sent in mail.outbox] == [["late@example.test"]]


@pytest.mark.parametrize("name", ["guest-stop", "guest-receipt-email"])
def test_acts_need_the_csrf_token(visitor, name):
    checkout = visitor.pay()
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(reverse(name, args=[checkout.token]), {"email": "a@example.test"}).status_code == 403


def test_the_live_page_pushes_figures_to_whoever_has_the_address(visitor):
    from billing.web.live import guest_topic
    from chargeportal.live.pages import Changes

    checkout = visitor.pay()
    assert not guest_topic.allows(None, checkout.token)
    session = visitor.charge(running=True)
    visitor.look()
    assert guest_topic.allows(None, checkout.token)
    assert not guest_topic.allows(None, "0" * 40)
    assert list(guest_topic.fragments(None, checkout.token, Changes(session_ids=frozenset({-1})))) == []
    now, curve = guest_topic.fragments(None, checkout.token, Changes(session_ids=frozenset({session.pk})))
    assert 'id="session-now"' in now
    assert 'id="session-curve"' in curve
