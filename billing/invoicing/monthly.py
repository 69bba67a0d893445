"""The invoices of some accounts for a month: drafts of what is billable, consolidated by cost centre."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext as _

from billing.invoicing import books, lines, tax
from billing.invoicing.billable import billable
from billing.invoicing.drafts import Draft, DraftLine
from billing.invoicing.fees import fee_lines
from billing.models import BillingAccount, Cdr, Invoice, InvoiceRun, SellerProfile, VatNumberCheck


class Monthly(NamedTuple):
    """An account's draft, and what a person should know about it."""

    draft: Draft
    remark: str


def drafts_of(
    run: InvoiceRun, accounts: Sequence[BillingAccount], *, checks: dict[int, VatNumberCheck]
) -> dict[int, Monthly]:
    """The draft of each account that has something to pay, by the account's id; read in few queries.

    An account whose sum is not positive waits for the next run: its CDRs stay unbilled.
    """
    cdrs = _cdrs_by_account(run, accounts)
    every = [cdr for own in cdrs.values() for cdr in own]
    centres = lines.cost_centres_of([account.pk for account in accounts if account.is_business], every)
    fees = fee_lines(accounts, period_start=run.period_start, period_end=run.period_end)
    country = seller_country(run.operator_id)
    drafts = {}
    for account in accounts:
        treatment = tax.treatment_of(account, seller_country=country, check=checks.get(account.pk))
        own = cdrs.get(account.pk, [])
        draft = _draft(run, account, own, centres, fees.get(account.pk, ()), treatment)
        if sum((line.gross for line in draft.lines), Decimal(0)) > 0:
            drafts[account.pk] = Monthly(draft, _left_out(own, draft.currency))
    return drafts


def seller_country(operator_id: int) -> str:
    """Where the operator sells from."""
    profile = SellerProfile.objects.filter(organisation=operator_id).only("country").first()
    return profile.country if profile else "SE"


def _cdrs_by_account(run: InvoiceRun, accounts: Sequence[BillingAccount]) -> dict[int, list[Cdr]]:
    rows = billable(run.operator_id, before=run.period_end).filter(account__in=[each.pk for each in accounts])
    by_account: dict[int, list[Cdr]] = defaultdict(list)
    for cdr in lines.with_what_lines_need(rows):
        by_account[cdr.account_id or 0].append(cdr)
    return by_account


def _left_out(cdrs: list[Cdr], currency: str) -> str:
    """Says which sessions are in another currency than the invoice; empty when there are none."""
    others = Counter(cdr.currency for cdr in cdrs if cdr.currency != currency)
    if not others:
        return ""
    sums = ", ".join(f"{count} {other}" for other, count in sorted(others.items()))
    return _("Sessions in another currency were left out: %(sums)s") % {"sums": sums}


def _draft(
    run: InvoiceRun,
    account: BillingAccount,
    cdrs: list[Cdr],
    centres: dict[int, str],
    fees: Sequence[DraftLine],
    treatment: tax.Treatment,
) -> Draft:
    currencies = {cdr.currency for cdr in cdrs}
    currency = account.currency if not currencies or account.currency in currencies else cdrs[0].currency
    cdrs = [cdr for cdr in cdrs if cdr.currency == currency]
    rows = lines.of_cdrs(
        cdrs, language=account.language, cost_centres=centres, is_reverse_charge=treatment.is_reverse_charge
    )
    own_fees = [_taxed(fee, treatment) for fee in fees if fee.currency == currency]
    first_day = min((books.day_of(cdr.started_at) for cdr in cdrs), default=run.period_start)
    return Draft(
        operator_id=run.operator_id,
        account=account,
        kind=Invoice.Kind.INVOICE,
        currency=currency,
        invoice_date=run.invoice_date,
        language=account.language,
        period_start=min(first_day, run.period_start),
        period_end=run.period_end,
        is_reverse_charge=treatment.is_reverse_charge,
        vat_check=treatment.vat_check,
        lines=(*own_fees, *rows),
    )


def _taxed(fee: DraftLine, treatment: tax.Treatment) -> DraftLine:
    if not treatment.is_reverse_charge:
        return fee
    return replace(fee, vat_rate=Decimal(0), vat=Decimal(0), gross=fee.net)
