"""Numbers that check themselves: payment references, organisation numbers, VAT numbers."""

import re

#: How long a reference is: the digit of the kind, seven of the number, the length digit, the check digit.
_NUMBER_DIGITS = 7
_SWEDISH_ORGANISATION = re.compile(r"\d{10}")

#: The forms of VAT numbers in the European Union, without the country's letters (Commission's VIES page).
VAT_FORMS = {
    "AT": r"U\d{8}", "BE": r"[01]\d{9}", "BG": r"\d{9,10}", "CY": r"\d{8}[A-Z]", "CZ": r"\d{8,10}",
    "DE": r"\d{9}", "DK": r"\d{8}", "EE": r"\d{9}", "EL": r"\d{9}", "ES": r"[A-Z0-9]\d{7}[A-Z0-9]",
    "FI": r"\d{8}", "FR": r"[A-HJ-NP-Z0-9]{2}\d{9}", "HR": r"\d{11}", "HU": r"\d{8}",
    "IE": r"\d{7}[A-W][A-I]?|\d[A-Z+*]\d{5}[A-W]", "IT": r"\d{11}", "LT": r"\d{9}|\d{12}", "LU": r"\d{8}",
    "LV": r"\d{11}", "MT": r"\d{8}", "NL": r"\d{9}B\d{2}", "PL": r"\d{10}", "PT": r"\d{9}", "RO": r"\d{2,10}",
    "SE": r"\d{12}", "SI": r"\d{8}", "SK": r"\d{10}", "XI": r"\d{9}|\d{12}|GD\d{3}|HA\d{3}",
}  # fmt: skip
#: Country codes of ISO 3166 whose VAT numbers begin with other letters.
_VAT_LETTERS = {"GR": "EL"}


def luhn_digit(digits: str) -> str:
    """The check digit of a row of digits (modulus 10, weights 2 and 1 from the right)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004  (the sum of two digits)
    return str(-total % 10)


def has_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of those before it."""
    return len(digits) > 1 and digits.isdigit() and luhn_digit(digits[:-1]) == digits[-1]


def payment_reference(number: int, *, kind_digit: str) -> str:
    """The OCR number of a document: its number, a length digit and a check digit (Bankgirot, hard level)."""
    body = f"{kind_digit}{number:0{_NUMBER_DIGITS}d}"
    body += str((len(body) + 2) % 10)
    return body + luhn_digit(body)


def is_payment_reference(text: str) -> bool:
    """Whether the digits are a payment reference: right length digit, right check digit."""
    digits = re.sub(r"\s", "", text)
    return len(digits) > _NUMBER_DIGITS and has_luhn(digits) and int(digits[-2]) == len(digits) % 10


def is_organisation_number(text: str) -> bool:
    """Whether it is a Swedish organisation number: ten digits, the last of them the check digit."""
    digits = text.replace("-", "").replace(" ", "")
    return bool(_SWEDISH_ORGANISATION.fullmatch(digits)) and has_luhn(digits)


def plain_vat_number(text: str) -> str:
    """The VAT number without spaces, points and hyphens, in capitals."""
    return re.sub(r"[\s.\-]", "", text).upper()


def vat_letters(country: str) -> str:
    """The letters with which VAT numbers of a country begin."""
    return _VAT_LETTERS.get(country.upper(), country.upper())


def is_vat_number(text: str, *, country: str = "") -> bool:
    """Whether it has the form of a VAT number of the European Union, and of that country when given."""
    number = plain_vat_number(text)
    letters, rest = number[:2], number[2:]
    if country and letters != vat_letters(country):
        return False
    form = VAT_FORMS.get(letters)
    if form is None or re.fullmatch(form, rest) is None:
        return False
    return letters != "SE" or (rest.endswith("01") and has_luhn(rest[:10]))
