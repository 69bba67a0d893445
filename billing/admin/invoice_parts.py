"""Parts of the documents' pages: the filter by what is to pay, and the lines."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin.base import NetworkInline
from billing.invoicing.books import day_of
from billing.models import InvoiceLine
from chargeportal.templatetags.chargeportal_formats import number, percent, quantity


class StateFilter(admin.SimpleListFilter):
    """Whether there is something to pay, and since when."""

    title = _("state")
    parameter_name = "payment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("open", _("to pay")),
            ("overdue", _("overdue")),
            ("back", _("to pay back")),
            ("paid", _("settled")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        today = day_of(timezone.now())
        wanted = {
            "open": Q(open_amount__gt=0),
            "overdue": Q(open_amount__gt=0, due_date__lt=today),
            "back": Q(open_amount__lt=0),
            "paid": Q(open_amount=0),
        }.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(wanted)


class LineInline(NetworkInline):
    """The lines."""

    model = InvoiceLine
    fields = ("description", "cost_centre", "how_much", "price", "rate", "without_vat", "with_vat")
    readonly_fields = fields
    can_delete = False
    ordering = ("position",)
    per_page = 50
    hide_title = True

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    @display(description=_("quantity"))
    def how_much(self, line: InvoiceLine) -> str:
        """The quantity in its unit."""
        return f"{quantity(line.quantity)} {'' if line.unit == 'x' else line.unit}".strip()

    @display(description=_("unit price without VAT"))
    def price(self, line: InvoiceLine) -> str:
        """The price of one unit."""
        return number(line.unit_price_net, 2 if line.unit_price_net == round(line.unit_price_net, 2) else 4)

    @display(description=_("VAT rate"))
    def rate(self, line: InvoiceLine) -> str:
        """The rate, or a dash where no VAT applies."""
        return "–" if line.vat_rate is None else percent(line.vat_rate * 100)

    @display(description=_("net"))
    def without_vat(self, line: InvoiceLine) -> str:
        """The amount without VAT."""
        return number(line.net, 2)

    @display(description=_("gross"))
    def with_vat(self, line: InvoiceLine) -> str:
        """The amount with VAT."""
        return number(line.gross, 2)
