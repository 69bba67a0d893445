"""Whether a customer with old debts may charge."""

import datetime as dt

from accounts import audit
from billing.models import BillingAccount, DunningAct, DunningCase

#: Stands in the account while dunning blocks it; an account blocked by a person for another reason stays so.
REASON = "Unpaid: "


def address_of(account: BillingAccount) -> str:
    """Where the customer's mail goes; empty when we know no address."""
    return account.email or (account.user.email if account.user else "")


def block(case: DunningCase, *, now: dt.datetime) -> bool:
    """Charging is not paid for any more; whether this was new."""
    changed = BillingAccount.objects.filter(pk=case.account_id, blocked_at=None).update(
        blocked_at=now, blocked_reason=f"{REASON}{case.invoice}"[:120]
    )
    if changed:
        audit.record(None, act="account.blocked", subject=f"account {case.account}", details=_why(case))
    return bool(changed)


def unblock(case: DunningCase) -> bool:
    """Charging is allowed again, unless another unpaid document or a person blocks it; whether it was so."""
    others = DunningCase.objects.filter(
        state__in=(DunningCase.State.OPEN, DunningCase.State.PAUSED, DunningCase.State.COLLECTION),
        account=case.account_id,
        acts__kind=DunningAct.Kind.BLOCK,
    ).exclude(pk=case.pk)
    if others.exists():
        return False
    changed = BillingAccount.objects.filter(
        pk=case.account_id, blocked_at__isnull=False, blocked_reason__startswith=REASON
    ).update(blocked_at=None, blocked_reason="")
    if changed:
        audit.record(None, act="account.unblocked", subject=f"account {case.account}", details=_why(case))
    return bool(changed)


def _why(case: DunningCase) -> dict[str, str]:
    return {"document": str(case.invoice)}
