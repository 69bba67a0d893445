"""VAT on documents: its category (UNCL5305), its sums per rate, and the rounding that remains.

Source: Peppol BIS Billing 3.0, rules BR-CO-17 and BR-O-11; the VAT of a rate is computed from the sum of the
net amounts, so that it may differ by some öre from the sum of the lines' VAT.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, Protocol

from chargeportal.common.money import round_half_up

STANDARD, ZERO, EXEMPT, REVERSE, OUTSIDE = "S", "Z", "E", "AE", "O"


class Priced(Protocol):
    """What VAT is computed from: a line of a draft or of an invoice."""

    @property
    def vat_rate(self) -> Decimal | None:
        """As a fraction, None where no VAT applies."""

    @property
    def net(self) -> Decimal:
        """Without VAT."""

    @property
    def gross(self) -> Decimal:
        """With VAT."""


class VatSum(NamedTuple):
    """The VAT of one category and rate on a document."""

    category: str
    rate: Decimal
    net: Decimal
    vat: Decimal


@dataclass(frozen=True, slots=True)
class Totals:
    """The amounts at the foot of a document; ``payable`` = ``net`` + ``vat`` + ``rounding``."""

    net: Decimal
    vat: Decimal
    rounding: Decimal
    payable: Decimal
    vat_sums: tuple[VatSum, ...]


def category_of(rate: Decimal | None, *, is_reverse_charge: bool, is_mixed: bool) -> str:
    """The category of a line; a line outside VAT is exempt where others on the document have a rate."""
    if is_reverse_charge:
        return REVERSE
    if rate is None:
        return EXEMPT if is_mixed else OUTSIDE
    return STANDARD if rate else ZERO


def is_mixed(lines: Iterable[Priced]) -> bool:
    """Whether some lines have a VAT rate and others none."""
    return len({line.vat_rate is None for line in lines}) > 1


def totals(
    lines: tuple[Priced, ...],
    *,
    is_reverse_charge: bool = False,
    payable: Decimal | None = None,
    to_whole: bool = False,
) -> Totals:
    """The foot of a document with these lines.

    To pay is what is given, else the sum of the lines' gross amounts, rounded to whole units when asked for.
    """
    mixed = is_mixed(lines)
    nets: dict[tuple[str, Decimal], Decimal] = defaultdict(Decimal)
    for line in lines:
        category = category_of(line.vat_rate, is_reverse_charge=is_reverse_charge, is_mixed=mixed)
        nets[category, Decimal(0) if is_reverse_charge else line.vat_rate or Decimal(0)] += line.net
    sums = tuple(
        VatSum(category, rate, net, round_half_up(net * rate, digits=2))
        for (category, rate), net in sorted(nets.items(), key=lambda item: (item[0][0], -item[0][1]))
    )
    net = sum((each.net for each in sums), Decimal(0))
    vat = sum((each.vat for each in sums), Decimal(0))
    if payable is None:
        payable = sum((line.gross for line in lines), Decimal(0))
        payable = round_half_up(payable, digits=0 if to_whole else 2)
    payable = payable.quantize(Decimal("0.01"))
    return Totals(net=net, vat=vat, rounding=payable - net - vat, payable=payable, vat_sums=sums)
