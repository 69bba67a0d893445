"""Businesses in other member states account for the VAT themselves, and the evidence stays on the invoice."""

import datetime as dt
import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from billing.invoicing import tax, vat_numbers
from billing.invoicing.receipts import issue_receipt
from billing.models import VatNumberCheck
from tests.billing.invoice_builders import (
    NOW,
    balance,
    cdr_of,
    company_account,
    operator_that_issues,
    person_account,
)

pytestmark = pytest.mark.django_db


class Register(BaseHTTPRequestHandler):
    """A register of VAT numbers that knows one company and can be away."""

    is_away = False
    asked: list[dict] = []

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(asked)
        self.send_response(503 if self.is_away else 200)
        self.end_headers()
        known = asked == {"countryCode": "DE", "vatNumber": "123456789"}
        self.wfile.write(
            json.dumps({"valid": known, "name": "Strom GmbH", "requestIdentifier": "WAPI1"}).encode()
        )

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def register(settings) -> Iterator[type[Register]]:
    Register.is_away, Register.asked = False, []
    server = HTTPServer(("127.0.0.1", 0), Register)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings.VAT_CHECK_URL = f"http://127.0.0.1:{server.server_port}/check-vat-number"
    settings.VAT_CHECK_ACCEPTS_FORM = False
    yield Register
    server.shutdown()
    server.server_close()
    thread.join()


def german(**facts):
    return company_account(
        operator_that_issues(), **({"country": "DE", "vat_number": "DE 123456789"} | facts)
    )


def test_a_german_company_with_a_valid_number_pays_no_vat(register: type[Register]) -> None:
    account = german(collection="card")
    receipt = issue_receipt(cdr_of(account), now=NOW)
    assert receipt is not None
    assert (receipt.is_reverse_charge, receipt.total_net, receipt.total_vat, receipt.payable) == (
        True, Decimal("48.89"), Decimal(0), Decimal("48.89"),
    )  # fmt: skip
    assert receipt.vat_check == {
        "number": "DE123456789", "result": "valid", "name": "Strom GmbH", "reference": "WAPI1",
        "checked_at": "2026-04-01T06:00:00+00:00",
    }  # fmt: skip
    assert [(v.category, v.rate) for v in receipt.vat_totals.all()] == [("AE", Decimal(0))]
    operator = account.operator
    roles = ("receivable", "sales_reverse", "sales", "vat_25", "unbilled")
    assert [balance(operator, role) for role in roles] == [
        Decimal("48.89"), Decimal("-48.89"), Decimal(0), Decimal(0), Decimal(0),
    ]  # fmt: skip


def test_an_answer_is_used_again_while_it_is_young(register: type[Register]) -> None:
    account = german()
    for days in (0, 29, 31):
        vat_numbers.checked(account, seller_country="SE", now=NOW + dt.timedelta(days=days))
    assert len(register.asked) == 2


@pytest.mark.parametrize("number", ["DE987654321", "DE12345", ""])
def test_a_number_that_does_not_hold_means_vat(register: type[Register], number: str) -> None:
    receipt = issue_receipt(cdr_of(german(vat_number=number)), now=NOW)
    assert receipt is not None
    assert (receipt.is_reverse_charge, receipt.payable) == (False, Decimal("61.11"))


def test_nothing_is_issued_while_the_register_is_away(register: type[Register]) -> None:
    register.is_away = True
    account = german()
    cdr = cdr_of(account)
    with pytest.raises(vat_numbers.RegisterAway):
        issue_receipt(cdr, now=NOW)
    assert (account.invoices.count(), vat_numbers.unanswered(most=5)) == (0, [account.pk])
    with pytest.raises(vat_numbers.RegisterAway):
        issue_receipt(cdr, now=NOW + dt.timedelta(minutes=1))
    assert len(register.asked) == 1
    register.is_away = False
    receipt = issue_receipt(cdr, now=NOW + dt.timedelta(minutes=5))
    assert receipt is not None
    assert (receipt.is_reverse_charge, vat_numbers.unanswered(most=5)) == (True, [])


def test_without_a_register_the_form_decides_if_that_is_accepted(settings) -> None:
    settings.VAT_CHECK_URL = ""
    account = german()
    assert vat_numbers.check(account, now=NOW).result == VatNumberCheck.Result.FORMAT_ONLY
    for accepted in (True, False):
        settings.VAT_CHECK_ACCEPTS_FORM = accepted
        checks = tax.latest_checks([account.pk])
        treatment = tax.treatment_of(account, seller_country="SE", check=checks[account.pk])
        assert treatment.is_reverse_charge is accepted


@pytest.mark.usefixtures("register")
def test_people_swedes_and_countries_outside_the_union_are_not_asked_about() -> None:
    operator = operator_that_issues()
    for account in (
        person_account(operator, country="DE", vat_number="DE123456789"),
        company_account(operator, country="SE", vat_number="SE556000461501"),
        company_account(operator, country="NO", vat_number="NO123456789"),
    ):
        assert vat_numbers.checked(account, seller_country="SE", now=NOW) is None
    assert Register.asked == []
