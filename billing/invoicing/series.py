"""Gap-free numbers: drawn by one UPDATE inside the transaction that issues, given back when it fails."""

from django.db import connection

from billing.models import InvoiceSeries

_DRAW = """
UPDATE billing_invoiceseries SET next_number = next_number + %s WHERE issuer_id = %s AND code = %s
RETURNING id, next_number - %s
"""


def draw(issuer_id: int, *, code: str, count: int = 1) -> tuple[int, int]:
    """The series and the first of ``count`` consecutive numbers, kept from others until the commit.

    The series is opened by whoever draws from it first. Call it inside a transaction, as late as possible:
    others who issue in the series wait until that transaction ends.
    """
    drawn = _draw(issuer_id, code, count)
    if drawn is None:
        InvoiceSeries.objects.bulk_create(
            [InvoiceSeries(issuer_id=issuer_id, code=code)], ignore_conflicts=True
        )
        drawn = _draw(issuer_id, code, count)
    if drawn is None:
        raise LookupError(f"No series {code} of issuer {issuer_id}")
    return drawn


def _draw(issuer_id: int, code: str, count: int) -> tuple[int, int] | None:
    with connection.cursor() as cursor:
        cursor.execute(_DRAW, [count, issuer_id, code, count])
        row = cursor.fetchone()
    return None if row is None else (row[0], row[1])
