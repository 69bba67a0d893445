"""A strict reader of SIE 4I files: whatever the format does not allow is an error."""

import datetime as dt
import re
from dataclasses import dataclass, field
from decimal import Decimal

_FIELD = re.compile(r'"((?:[^"\\]|\\["\\])*)"|(\{[^}]*\})|([^\s"{}]+)')
_AMOUNT = re.compile(r"-?\d+\.\d{2}")
_ORDER = ["#FLAGGA", "#PROGRAM", "#FORMAT", "#GEN", "#SIETYP"]
_KNOWN = {*_ORDER, "#ORGNR", "#FNAMN", "#RAR", "#KPTYP", "#VALUTA", "#KONTO", "#DIM", "#OBJEKT", "#VER"}
_REQUIRED = {"#FLAGGA", "#PROGRAM", "#FORMAT", "#GEN", "#SIETYP", "#FNAMN"}


class NotSie(ValueError):
    """The file breaks the format; the text says in which line."""


@dataclass(frozen=True)
class Transaction:
    account: str
    objects: dict[str, str]
    amount: Decimal


@dataclass
class Voucher:
    series: str
    number: str
    date: dt.date
    text: str
    transactions: list[Transaction] = field(default_factory=list)


@dataclass
class Sie:
    facts: dict[str, list[list[str]]]
    vouchers: list[Voucher]

    @property
    def accounts(self) -> dict[str, str]:
        return dict(self.facts.get("#KONTO", []))  # type: ignore[arg-type]

    @property
    def objects(self) -> dict[str, str]:
        return {code: name for _dim, code, name in self.facts.get("#OBJEKT", [])}


def read(content: bytes) -> Sie:
    """The file, every rule checked. Raises NotSie."""
    text = content.decode("cp437")
    if not text.endswith("\r\n") or "\n" in text.replace("\r\n", ""):
        raise NotSie("lines do not end in CRLF")
    reader = _Reader()
    for number, line in enumerate(text.split("\r\n")[:-1], start=1):
        try:
            reader.take(line)
        except (NotSie, ValueError, IndexError) as error:
            raise NotSie(f"line {number}: {line!r}: {error}") from error
    return reader.finished()


class _Reader:
    def __init__(self) -> None:
        self.facts: dict[str, list[list[str]]] = {}
        self.labels: list[str] = []
        self.vouchers: list[Voucher] = []
        self.open: Voucher | None = None
        self.is_inside = False

    def take(self, line: str) -> None:
        if line in {"{", "}"}:
            self._brace(line)
            return
        label, *fields = _fields(line)
        if label == "#TRANS":
            self._transaction(fields)
        elif self.is_inside or self.open is not None:
            raise NotSie("a record inside a voucher that is no transaction")
        elif label not in _KNOWN:
            raise NotSie("unknown record")
        elif label == "#VER":
            series, number, date, text, *_rest = fields
            self.open = Voucher(series, number, _date(date), text)
        else:
            if self.vouchers:
                raise NotSie("a fact after the first voucher")
            self.labels.append(label)
            self.facts.setdefault(label, []).append(fields)

    def _brace(self, line: str) -> None:
        if self.open is None or (line == "{") == self.is_inside:
            raise NotSie("a brace where none belongs")
        self.is_inside = line == "{"
        if not self.is_inside:
            if sum(t.amount for t in self.open.transactions) != 0:
                raise NotSie("the voucher does not balance")
            if len(self.open.transactions) < 2:
                raise NotSie("the voucher has fewer than two transactions")
            self.vouchers.append(self.open)
            self.open = None

    def _transaction(self, fields: list[str]) -> None:
        if not self.is_inside or self.open is None:
            raise NotSie("a transaction outside a voucher")
        account, objects, amount = fields[:3]
        if account not in {row[0] for row in self.facts["#KONTO"]}:
            raise NotSie("an account that was not declared")
        if not _AMOUNT.fullmatch(amount):
            raise NotSie("not an amount with two decimals")
        self.open.transactions.append(Transaction(account, self._objects(objects), Decimal(amount)))

    def _objects(self, text: str) -> dict[str, str]:
        if not (text.startswith("{") and text.endswith("}")):
            raise NotSie("the list of objects is missing")
        parts = _fields(text[1:-1])
        found = dict(zip(parts[::2], parts[1::2], strict=True))
        for dimension, code in found.items():
            if [dimension, code] not in [row[:2] for row in self.facts.get("#OBJEKT", [])]:
                raise NotSie("an object that was not declared")
        return found

    def finished(self) -> Sie:
        if self.open is not None:
            raise NotSie("the last voucher is not closed")
        if self.labels[: len(_ORDER)] != _ORDER or not set(self.labels) >= _REQUIRED:
            raise NotSie(f"the head is {self.labels}")
        if (self.facts["#FLAGGA"], self.facts["#FORMAT"], self.facts["#SIETYP"]) != (
            [["0"]],
            [["PC8"]],
            [["4"]],
        ):
            raise NotSie("not a file of type 4 in code page 437 that waits to be imported")
        for _year, first, last in self.facts.get("#RAR", []):
            _date(first), _date(last)
        return Sie(self.facts, self.vouchers)


def _fields(line: str) -> list[str]:
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in line):
        raise NotSie("a control character")
    rest = _FIELD.sub("", line)
    if rest.strip():
        raise NotSie(f"cannot be read: {rest.strip()!r}")
    return [
        re.sub(r"\\(.)", r"\1", quoted) if not (braced or bare) else braced or bare
        for quoted, braced, bare in _FIELD.findall(line)
    ]


def _date(text: str) -> dt.date:
    if not re.fullmatch(r"\d{8}", text):
        raise NotSie(f"{text} is not a date")
    return dt.datetime.strptime(text, "%Y%m%d").replace(tzinfo=dt.UTC).date()
