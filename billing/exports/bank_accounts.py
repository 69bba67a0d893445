"""Bank account numbers that check themselves: IBAN and BIC.

Source: ISO 13616 (modulus 97), ISO 9362.
"""

import re

_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_BIC = re.compile(r"[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
_LENGTHS = {
    "AT": 20, "BE": 16, "CH": 21, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24, "FI": 18, "FR": 27,
    "GB": 22, "IE": 22, "IS": 26, "IT": 27, "LT": 20, "LU": 20, "LV": 21, "NL": 18, "NO": 15, "PL": 28,
    "PT": 25, "SE": 24,
}  # fmt: skip


def plain_iban(text: str) -> str:
    """The IBAN without spaces, in capitals."""
    return re.sub(r"\s", "", text).upper()


def is_iban(text: str) -> bool:
    """Whether it is an IBAN: form, length of its country where we know it, check digits."""
    iban = plain_iban(text)
    if _IBAN.fullmatch(iban) is None or len(iban) != _LENGTHS.get(iban[:2], len(iban)):
        return False
    turned = "".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])
    return int(turned) % 97 == 1


def is_bic(text: str) -> bool:
    """Whether it has the form of a BIC of eight or eleven characters."""
    return _BIC.fullmatch(text.strip().upper()) is not None
