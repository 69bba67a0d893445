"""The fee for the second reminder: a document of its own, without VAT, once per case."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.dunning.ladder import policy_of
from billing.invoicing.drafts import Draft, DraftLine
from billing.invoicing.issuing import issue
from billing.models import DunningCase, Invoice

DIMENSION = "REMINDER_FEE"


def charge(case: DunningCase, *, now: dt.datetime) -> Invoice | None:
    """The customer has an invoice for the fee; None for a reminder of nothing but a fee."""
    invoice = case.invoice
    fee = policy_of(invoice.operator_id).reminder_fee
    if not fee or invoice.lines.filter(dimension=DIMENSION).exists():
        return None
    with override(invoice.language):
        text = _("Reminder fee for %(number)s") % {"number": invoice.full_number}
    line = DraftLine(
        dimension=DIMENSION,
        description=text,
        quantity=fee / fee,
        unit="C62",
        unit_price_net=fee,
        vat_rate=None,
        net=fee,
        vat=fee - fee,
        gross=fee,
        currency=invoice.currency,
    )
    draft = Draft(
        operator_id=invoice.operator_id,
        account=case.account,
        kind=Invoice.Kind.INVOICE,
        currency=invoice.currency,
        invoice_date=now.astimezone(ZoneInfo(settings.TIME_ZONE)).date(),
        lines=(line,),
        language=invoice.language,
    )
    return issue(draft, now=now)
