"""The chart of accounts an operator begins with: BAS numbers, which it may change."""

from typing import NamedTuple

from django.db import transaction

from accounts.models import Organisation
from billing.models import LedgerAccount

Kind = LedgerAccount.Kind
Role = LedgerAccount.Role


class NoLedgerAccount(LookupError):
    """The operator's chart has no account for a role."""


class RoleNeedsAccount(ValueError):
    """Postings of these roles would find no account; ``args[0]`` is the list of their names."""


class _Account(NamedTuple):
    number: str
    name: str
    kind: str
    roles: tuple[str, ...]


BAS = (
    _Account("1510", "Kundfordringar", Kind.ASSET, (Role.RECEIVABLE,)),
    _Account("1580", "Fordringar för kontokort och kuponger", Kind.ASSET, (Role.CARD_CLEARING,)),
    _Account("1684", "Omtvistade kortbetalningar", Kind.ASSET, (Role.DISPUTED,)),
    _Account("1790", "Upplupna intäkter, laddning", Kind.ASSET, (Role.UNBILLED,)),
    _Account("1930", "Företagskonto", Kind.ASSET, (Role.BANK,)),
    _Account("2420", "Förskott från kunder", Kind.LIABILITY, (Role.WALLET,)),
    _Account("2440", "Leverantörsskulder", Kind.LIABILITY, (Role.PAYABLE,)),
    _Account("2611", "Utgående moms på försäljning inom Sverige, 25 %", Kind.LIABILITY, (Role.VAT_25,)),
    _Account("2621", "Utgående moms på försäljning inom Sverige, 12 %", Kind.LIABILITY, (Role.VAT_12,)),
    _Account("2631", "Utgående moms på försäljning inom Sverige, 6 %", Kind.LIABILITY, (Role.VAT_6,)),
    _Account("2641", "Debiterad ingående moms", Kind.ASSET, (Role.INPUT_VAT,)),
    _Account("2970", "Förutbetalda intäkter", Kind.LIABILITY, (Role.DEFERRED,)),
    _Account("3001", "Försäljning varor inom Sverige, 25 % moms", Kind.INCOME, (Role.SALES,)),
    _Account("3002", "Försäljning varor inom Sverige, 12 % moms", Kind.INCOME, (Role.SALES_REDUCED_12,)),
    _Account("3003", "Försäljning varor inom Sverige, 6 % moms", Kind.INCOME, (Role.SALES_REDUCED_6,)),
    _Account("3004", "Försäljning varor inom Sverige, momsfri", Kind.INCOME, (Role.SALES_NO_VAT,)),
    _Account("3041", "Försäljning tjänster inom Sverige, 25 % moms", Kind.INCOME, (Role.FEES,)),
    _Account("3106", "Försäljning varor till annat EU-land", Kind.INCOME, (Role.SALES_REVERSE,)),
    _Account("3740", "Öres- och kronutjämning", Kind.INCOME, (Role.ROUNDING,)),
    _Account("4010", "Inköp av el", Kind.EXPENSE, (Role.ENERGY,)),
    _Account("4610", "Platsvärdars andel", Kind.EXPENSE, (Role.HOST_SHARE,)),
    _Account("4620", "Ersättning för hemmaladdning", Kind.EXPENSE, (Role.REIMBURSEMENT,)),
    _Account("6351", "Konstaterade förluster på kundfordringar", Kind.EXPENSE, (Role.BAD_DEBT,)),
    _Account("6570", "Bankkostnader", Kind.EXPENSE, (Role.CARD_FEES,)),
)


def open_chart(operator: Organisation) -> None:
    """The operator has every account it needs; accounts it has already are left as they are."""
    taken = {role for roles in operator.ledger_accounts.values_list("roles", flat=True) for role in roles}
    LedgerAccount.objects.bulk_create(
        (
            LedgerAccount(
                operator=operator,
                number=account.number,
                name=account.name,
                kind=account.kind,
                roles=[str(role) for role in account.roles if role not in taken],
            )
            for account in BAS
        ),
        ignore_conflicts=True,
    )


def set_roles(account: LedgerAccount, *, roles: list[str]) -> None:
    """The account plays these parts; each is taken from the account that played it before.

    A part that the account gives up must have been given to another one first: raises RoleNeedsAccount.
    """
    with transaction.atomic():
        others = list(LedgerAccount.objects.select_for_update().filter(operator=account.operator_id))
        current: list[str] = next((other.roles for other in others if other.pk == account.pk), [])
        given_up = set(current) - set(roles)
        if given_up:
            raise RoleNeedsAccount(sorted(str(Role(role).label) for role in given_up))
        for other in others:
            kept = [role for role in other.roles if role not in roles]
            if other.pk != account.pk and kept != other.roles:
                other.roles = kept
                other.save(update_fields=["roles"])
        account.roles = [str(role) for role in roles]
        account.save()


def account_ids(operator_id: int) -> dict[str, int]:
    """The id of the operator's account for each role; the chart is opened when there is none yet."""
    rows = list(LedgerAccount.objects.filter(operator=operator_id).values_list("pk", "roles"))
    if not rows:
        open_chart(Organisation.objects.get(pk=operator_id))
        rows = list(LedgerAccount.objects.filter(operator=operator_id).values_list("pk", "roles"))
    return {role: pk for pk, roles in rows for role in roles}
