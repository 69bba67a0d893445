"""Self-billing: the operator writes each host's monthly invoice to itself, by the revenue share agreements.

A CDR counts in the month in which it was rated, so that corrections and sessions approved late are in
exactly one settlement. The operator's fee never takes more than the host has earned at the location.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.invoicing import books, parties
from billing.invoicing.drafts import Draft, DraftLine
from billing.invoicing.issuing import issue
from billing.ledger.postings import HOST_FEE
from billing.models import (
    BillingAccount,
    Cdr,
    Invoice,
    InvoiceRun,
    PaymentKind,
    RevenueShareAgreement,
    SellerProfile,
)
from chargeportal.common.formats import format_energy, format_money, format_percent
from chargeportal.common.money import Money, round_half_up

SHARE, PER_KWH = "SHARE", "HOST_KWH"


@dataclass(frozen=True, slots=True)
class Earned:
    """What was earned at a location while an agreement held."""

    net: Decimal
    energy_wh: Decimal


def settle_hosts(run: InvoiceRun, *, now: dt.datetime) -> list[Invoice]:
    """Each host with something to get has its settlement of the run's month; doing it twice adds none.

    Raises CannotIssue.
    """
    with transaction.atomic():
        run = InvoiceRun.objects.select_for_update().get(pk=run.pk)
        done = run.invoices.filter(kind=Invoice.Kind.SELF_BILLING).values_list("account", flat=True)
        drafts = [
            draft
            for draft in drafts_of(run)
            if draft.account is not None and draft.account.pk not in set(done)
        ]
        return [issue(draft, now=now, issued_by=run.started_by, run=run) for draft in drafts]


def drafts_of(run: InvoiceRun) -> list[Draft]:
    """The settlements of the run's month as they would be issued, those of hosts that get something."""
    agreements: dict[int, list[RevenueShareAgreement]] = {}
    for agreement in _agreements(run):
        agreements.setdefault(agreement.account_id, []).append(agreement)
    drafts = (_draft(run, own) for own in agreements.values())
    return [draft for draft in drafts if sum((line.gross for line in draft.lines), Decimal(0)) > 0]


def earned(agreement: RevenueShareAgreement, run: InvoiceRun) -> Earned:
    """Net revenue and energy at the location in the run's month, as far as the agreement held."""
    begins = max(run.period_start, agreement.valid_from)
    ends = min(run.period_end, agreement.valid_until or run.period_end)
    sums = (
        Cdr.objects.filter(
            operator=run.operator_id,
            session__station__location=agreement.location_id,
            rated_at__gte=books.start_of(begins),
            rated_at__lt=books.start_of(ends),
        )
        .exclude(payment_kind=PaymentKind.NONE)
        .aggregate(net=Sum("total_excl_vat"), energy=Sum("energy_wh"))
    )
    return Earned(sums["net"] or Decimal(0), sums["energy"] or Decimal(0))


def _agreements(run: InvoiceRun) -> Iterable[RevenueShareAgreement]:
    return (
        RevenueShareAgreement.objects.filter(operator=run.operator_id, valid_from__lt=run.period_end)
        .filter(Q(valid_until__isnull=True) | Q(valid_until__gt=run.period_start))
        .select_related("account__organisation", "location")
        .order_by("account", "location", "valid_from")
    )


def _draft(run: InvoiceRun, agreements: list[RevenueShareAgreement]) -> Draft:
    account = agreements[0].account
    with override(account.language):
        lines = [line for agreement in agreements for line in _lines(agreement, run, account)]
    return Draft(
        operator_id=run.operator_id,
        account=account,
        kind=Invoice.Kind.SELF_BILLING,
        currency=account.currency,
        invoice_date=run.invoice_date,
        due_date=run.invoice_date + dt.timedelta(days=_terms(account, run)),
        language=account.language,
        issuer_id=account.organisation_id or run.operator_id,
        series_code=f"S-{account.pk}",
        period_start=run.period_start,
        period_end=run.period_end,
        seller=_host_facts(account),
        buyer=parties.seller_facts(parties.profile_of(run.operator_id)),
        lines=tuple(lines),
    )


def _terms(account: BillingAccount, run: InvoiceRun) -> int:
    if account.payment_terms_days is not None:
        return account.payment_terms_days
    return parties.profile_of(run.operator_id).payment_terms_days


def _host_facts(account: BillingAccount) -> dict[str, Any]:
    """The host as a seller: what its account says, and where it wants the money."""
    profile = SellerProfile.objects.filter(organisation=account.organisation_id or 0).first()
    facts = parties.buyer_facts(account) | {"seat": "", "phone": "", "has_f_tax": False}
    facts |= {name: getattr(profile, name, "") for name in ("iban", "bic", "bankgiro", "plusgiro")}
    if profile is not None:
        facts |= {"seat": profile.seat, "phone": profile.phone, "has_f_tax": profile.has_f_tax}
    return facts


def _lines(agreement: RevenueShareAgreement, run: InvoiceRun, account: BillingAccount) -> Iterable[DraftLine]:
    revenue, place = earned(agreement, run), agreement.location.name
    currency, language = account.currency, account.language
    share = round_half_up(revenue.net * agreement.share_percent / 100, digits=2)
    per_kwh = round_half_up(revenue.energy_wh / 1000 * agreement.per_kwh, digits=2)
    fee = min(agreement.monthly_fee, max(share + per_kwh, Decimal(0)))
    if share:
        text = _("%(percent)s of %(revenue)s without VAT, %(place)s") % {
            "percent": format_percent(agreement.share_percent, language),
            "revenue": format_money(Money(revenue.net, currency), language),
            "place": place,
        }
        yield _line(agreement, SHARE, text, quantity=Decimal(1), price=share, net=share)
    if per_kwh:
        text = _("%(energy)s charged, %(place)s") % {
            "energy": format_energy(revenue.energy_wh, language),
            "place": place,
        }
        kwh = round_half_up(revenue.energy_wh / 1000, digits=6)
        yield _line(agreement, PER_KWH, text, quantity=kwh, price=agreement.per_kwh, net=per_kwh)
    if fee:
        text = _("The operator's fee, %(place)s") % {"place": place}
        yield _line(agreement, HOST_FEE, text, quantity=Decimal(-1), price=fee, net=-fee)


def _line(
    agreement: RevenueShareAgreement,
    dimension: str,
    text: str,
    *,
    quantity: Decimal,
    price: Decimal,
    net: Decimal,
) -> DraftLine:
    rate = agreement.vat_rate if agreement.account.vat_number else None
    vat = round_half_up(net * (rate or 0), digits=2)
    return DraftLine(
        dimension=dimension,
        description=text,
        quantity=quantity,
        unit="kWh" if dimension == PER_KWH else "x",
        unit_price_net=price,
        vat_rate=rate,
        net=net,
        vat=vat,
        gross=net + vat,
        currency=agreement.account.currency,
        location_id=agreement.location_id,
    )
