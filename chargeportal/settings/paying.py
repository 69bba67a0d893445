"""What guests and drivers are asked to pay with, and how much in advance.

| variable | meaning | default |
|---|---|---|
| `GUEST_HOLD_AMOUNT` | reserved on a guest's card, by currency: `SEK:500,EUR:50` | 500 kr, 50 €, … |
| `GUEST_CHECKOUTS_PER_ADDRESS` | guest payment pages an address may open in ten minutes | 10 |
| `WALLET_NEEDED_TO_START` | what must be in a wallet to start | 20 |
| `WALLET_STOPS_AT_ZERO` | charging stops when it has used up the wallet | on |
| `WALLET_MOST` | what a wallet holds at most | 10000 |
| `REQUIRE_WAY_TO_PAY` | chargers refuse drivers without account or card | off |
| `INVOICES_FOR_EVERYBODY` | private drivers may choose a monthly invoice | off |
"""

from decimal import Decimal

from chargeportal.settings import environment


def _amounts(name: str, default: dict[str, str]) -> dict[str, Decimal]:
    """Amounts by currency: `SEK:500,EUR:50`."""
    given = dict(item.split(":", 1) for item in environment.items(name, []))
    return {currency: Decimal(amount) for currency, amount in (default | given).items()}


#: Reserved on a guest's card before charging; what is not used is released afterwards.
GUEST_HOLD_AMOUNT = _amounts(
    "GUEST_HOLD_AMOUNT", {"SEK": "500", "NOK": "500", "DKK": "350", "EUR": "50", "USD": "50", "GBP": "45"}
)
#: Guest checkouts that may be opened from one address in ten minutes.
GUEST_CHECKOUTS_PER_ADDRESS = environment.number("GUEST_CHECKOUTS_PER_ADDRESS", 10)
#: A driver who pays from a wallet needs this much in it to start, unless it fills itself from a card.
WALLET_NEEDED_TO_START = Decimal(environment.text("WALLET_NEEDED_TO_START", "20"))
#: Whether charging is stopped when what it costs has used up the wallet.
WALLET_STOPS_AT_ZERO = environment.flag("WALLET_STOPS_AT_ZERO", default=True)
#: Amounts offered for filling up a wallet, and the limits of an amount of one's own.
WALLET_TOP_UPS = (100, 200, 500, 1000)
WALLET_TOP_UP_LIMITS = (Decimal(50), Decimal(5000))
WALLET_MOST = Decimal(environment.text("WALLET_MOST", "10000"))
#: Whether drivers without any way to pay are refused by the chargers.
REQUIRE_WAY_TO_PAY = environment.flag("REQUIRE_WAY_TO_PAY")
#: Whether private drivers may choose a monthly invoice; companies, and whoever has one already, may.
INVOICES_FOR_EVERYBODY = environment.flag("INVOICES_FOR_EVERYBODY")
