"""Payouts to hosts and drivers: gathered into a file for the bank, and marked when the bank has done it."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts import access
from accounts.admin.base import NetworkInline, ReadOnlyAdmin, person
from accounts.models import Organisation
from billing.invoicing import payouts
from billing.invoicing.books import day_of
from billing.models import Payout, PayoutFile
from chargeportal.templatetags.chargeportal_formats import local, money


class PayoutInline(NetworkInline):
    """The payments in a file."""

    model = Payout
    hide_title = True
    fields = ("name", "iban", "amount", "reference")
    readonly_fields = fields
    can_delete = False
    max_num = 0


@admin.register(PayoutFile)
class PayoutFileAdmin(ReadOnlyAdmin):
    """Files for the bank."""

    operator_path = "operator"
    list_display = ("made", "execution_date", "sum_of_all", "count", "done", "operator")
    list_select_related = ("operator",)
    inlines = (PayoutInline,)
    actions_list = ("gather",)
    actions_detail = ("mark_paid",)
    fields = ("message_id", "execution_date", "sum_of_all", "count", "made", "done")
    readonly_fields = fields

    @display(description=_("made"), ordering="created_at")
    def made(self, file: PayoutFile) -> str:
        """When it was gathered."""
        return local(file.created_at)

    @display(description=_("total"), ordering="total")
    def sum_of_all(self, file: PayoutFile) -> str:
        """What is paid out."""
        return money(file.total, file.currency)

    @display(description=_("paid"), ordering="sent_at")
    def done(self, file: PayoutFile) -> str:
        """When the bank had carried it out."""
        return local(file.sent_at) if file.sent_at else "–"

    def has_gather_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Finance pays out."""
        return bool(request.user.has_perm("billing.add_payoutfile"))

    @action(description=_("Gather what is due"), url_path="gather", permissions=("gather",))
    def gather(self, request: HttpRequest) -> HttpResponse:
        """All that is due today and has an account to pay to is in a new file, once it is confirmed."""
        if request.method != "POST":
            text = _now("Everything that is due today and has an account to pay to is put into a file.")
            return self._asked(request, title=_now("Gather what is due"), text=text)
        today, now = day_of(timezone.now()), timezone.now()
        for operator in self._operators(request):
            try:
                file = payouts.gather(
                    operator, execution_date=today, currency="SEK", by=person(request), now=now
                )
            except payouts.NothingToPayOut as nothing:
                messages.info(request, str(nothing))
            else:
                text = _now("%(count)d payments of together %(total)s were gathered.")
                total = money(file.total, file.currency)
                messages.success(request, text % {"count": file.count, "total": total})
        return redirect(reverse("admin:billing_payoutfile_changelist"))

    @action(description=_("The bank has paid"), url_path="paid", permissions=("gather",))
    def mark_paid(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The documents of the file are settled, once it is confirmed."""
        if request.method != "POST":
            text = _now("The documents of the file are settled in the books. It cannot be taken back.")
            return self._asked(request, title=_now("The bank has paid"), text=text)
        mine = self.get_queryset(request).filter(operator__in=self._operators(request))
        file = mine.filter(pk=object_id).first()
        if file is not None and payouts.paid(file, by=person(request), now=timezone.now()):
            messages.success(request, _now("The documents of the file are settled."))
        return redirect(reverse("admin:billing_payoutfile_change", args=[object_id]))

    def _asked(self, request: HttpRequest, *, title: str, text: str) -> HttpResponse:
        """The page that says what will happen."""
        context = self.admin_site.each_context(request) | {"title": title, "text": text}
        return TemplateResponse(request, "admin/invoices/confirm.html", context)

    def _operators(self, request: HttpRequest) -> QuerySet[Organisation]:
        every = Organisation.objects.filter(kind=Organisation.Kind.OPERATOR)
        if request.user.is_superuser:
            return every
        return every.filter(pk__in=access.organisations_with(request.user, [access.Role.FINANCE]))
