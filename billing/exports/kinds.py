"""What can be exported, and who makes it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from django.utils.translation import gettext as _

from billing.exports import bundles, open_items, revenue, sie, tables
from billing.exports.period import Period
from billing.exports.refusals import ExportRefused
from billing.exports.sheets import MOST_SHEET_ROWS, Table, Tick, TooManyRows, write_csv, write_xlsx
from billing.models import ExportKind

CSV, XLSX, SIE, ZIP, XML = "csv", "xlsx", "si", "zip", "xml"
CONTENT_TYPES = {
    CSV: "text/csv; charset=utf-8",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    SIE: "application/octet-stream",
    ZIP: "application/zip",
    XML: "application/xml",
}
Parameters = dict[str, Any]
Make = Callable[[Period, BinaryIO, Tick, Parameters], str]


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes one kind of export. ``make`` writes the file and returns its extension."""

    name: str
    make: Make
    #: The parameters it understands, each with the values it takes; empty: any text.
    parameters: dict[str, tuple[str, ...]] = field(default_factory=dict)


def _csv(name: str, table: Callable[[Period], Table]) -> Maker:
    def make(period: Period, file: BinaryIO, tick: Tick, _parameters: Parameters) -> str:
        write_csv(table(period), file, tick=tick)
        return CSV

    return Maker(name, make)


def _xlsx(name: str, table: Callable[[Period], Table]) -> Maker:
    def make(period: Period, file: BinaryIO, tick: Tick, _parameters: Parameters) -> str:
        try:
            write_xlsx(table(period), file, tick=tick)
        except TooManyRows:
            raise ExportRefused(
                _("Excel has no room for more than %(most)s rows. Take CSV or a shorter period.")
                % {"most": MOST_SHEET_ROWS}
            ) from None
        return XLSX

    return Maker(name, make)


def _sie(period: Period, file: BinaryIO, tick: Tick, parameters: Parameters) -> str:
    per, currency = parameters.get("per", sie.PER_DAY), parameters.get("currency", "")
    sie.write(period, file, tick=tick, per=per, currency=currency)
    return SIE


def _peppol(period: Period, file: BinaryIO, tick: Tick, _parameters: Parameters) -> str:
    bundles.peppol(period, file, tick=tick)
    return ZIP


def _pdfs(period: Period, file: BinaryIO, tick: Tick, _parameters: Parameters) -> str:
    bundles.pdfs(period, file, tick=tick)
    return ZIP


def _sepa(period: Period, file: BinaryIO, tick: Tick, parameters: Parameters) -> str:
    return bundles.payouts(period, file, tick=tick, message_id=parameters.get("message_id", ""))


MAKERS: dict[str, Maker] = {
    ExportKind.INVOICES_CSV: _csv("invoices", tables.invoices),
    ExportKind.INVOICES_XLSX: _xlsx("invoices", tables.invoices),
    ExportKind.CDRS_CSV: _csv("cdrs", tables.cdrs),
    ExportKind.CDRS_XLSX: _xlsx("cdrs", tables.cdrs),
    ExportKind.LEDGER_CSV: _csv("journal", tables.journal),
    ExportKind.TRIAL_BALANCE_CSV: _csv("trial-balance", tables.balances),
    ExportKind.PAYMENTS_CSV: _csv("payments", tables.payments),
    ExportKind.COLLECTION_CSV: _csv("collection", open_items.overdue),
    ExportKind.REVENUE_CSV: _csv("revenue", revenue.revenue),
    ExportKind.SIE: Maker("vouchers", _sie, {"per": (sie.PER_DAY, sie.PER_ENTRY), "currency": ()}),
    ExportKind.PEPPOL_ZIP: Maker("peppol", _peppol),
    ExportKind.PDF_ZIP: Maker("documents", _pdfs),
    ExportKind.SEPA: Maker("payouts", _sepa, {"message_id": ()}),
}


def refuse_parameters(kind: str, parameters: Parameters) -> None:
    """Nothing but what the kind of export understands. Raises: ExportRefused."""
    known = MAKERS[kind].parameters
    for name, value in parameters.items():
        if name not in known:
            raise ExportRefused(_("This export has no parameter %(name)s.") % {"name": name})
        if not isinstance(value, str) or (known[name] and value not in known[name]):
            raise ExportRefused(_("%(name)s cannot be %(value)s.") % {"name": name, "value": value})
