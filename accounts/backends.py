"""What the roles of a person allow in the admin: memberships become Django permissions. Default deny.

A role counts in the organisation it is held in: pages narrow their rows to the organisations in which
the person has the permission (``organisations_allowing``), so being operator in one company gives no
rights in another.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.backends import BaseBackend

from accounts import access
from accounts.access import Role

_ALL = ("view", "add", "change", "delete")
_WRITE = ("view", "add", "change")


def _permissions(app: str, models: Iterable[str], verbs: Iterable[str]) -> frozenset[str]:
    return frozenset(f"{app}.{verb}_{model}" for model in models for verb in verbs)


_SEE_HARDWARE = _permissions(
    "stations",
    ("location", "chargingstation", "evse", "connector", "statusinterval", "stationconnection", "bootrecord",
     "stationcommand"),
    ("view",),
)  # fmt: skip
_SEE_FRAMES = _permissions("stations", ("ocppframe",), ("view",))
_SEE_SESSIONS = _permissions(
    "charging_sessions", ("chargingsession", "transactionevent", "unmatchedstop", "startrequest"), ("view",)
)
_SEE_PRICES = _permissions(
    "billing",
    (
        "tariff",
        "tariffelement",
        "pricecomponent",
        "tariffassignment",
        "pricegroup",
        "dynamicprice",
        "offpeakincentive",
        "spotprice",
    ),
    ("view",),
)
_SEE_BILLS = _permissions("billing", ("cdr", "cdrline"), ("view",))
_SEE_CUSTOMERS = _permissions(
    "billing",
    ("billingaccount", "costcentre", "card", "invoice", "invoiceline", "invoicesettlement", "invoicedocument",
     "payment", "refund", "guestcheckout", "wallet", "walletentry", "subscription", "subscriptionmonth",
     "plan", "dunningcase", "dunningact"),
    ("view",),
)  # fmt: skip
_SEE_BOOKS = _permissions(
    "billing",
    ("invoicerun", "invoicerunitem", "invoiceseries", "journalentry", "journalline", "ledgeraccount",
     "ledgerperiod", "dispute", "webhookevent", "balancetransaction", "reconciliation", "sellerprofile",
     "vatnumbercheck", "revenueshareagreement", "homechargingagreement", "payoutfile", "payout", "export",
     "exportdownload", "exportschedule", "dunningpolicy"),
    ("view",),
)  # fmt: skip
_KEEP_BOOKS = (
    _permissions(
        "billing",
        ("billingaccount", "costcentre", "sellerprofile", "plan", "subscription", "revenueshareagreement",
         "homechargingagreement", "ledgeraccount", "ledgerperiod", "dunningpolicy"),
        _WRITE,
    )
    | _permissions("billing", ("exportschedule", "costcentre"), _ALL)
    | _permissions("billing", ("invoicerun", "invoice", "refund", "export", "payoutfile"), ("add",))
    | _permissions(
        "billing", ("dunningcase", "reconciliation", "dispute", "wallet", "payoutfile"), ("change",)
    )
)  # fmt: skip
_KEEP_ENERGY_COSTS = _permissions("billing", ("energycost",), _ALL)
_SEE_REVIEWS = _permissions("charging_sessions", ("sessionreview",), ("view",))
_DECIDE_REVIEWS = _permissions("charging_sessions", ("sessionreview",), ("view", "change"))
_SEE_PEOPLE = _permissions(
    "accounts", ("user", "membership", "organisation", "idtoken", "idtokengroup"), ("view",)
)
_KEEP_HARDWARE = _permissions("stations", ("chargingstation", "evse", "connector"), _WRITE)
_KEEP_TARIFFS = _permissions(
    "billing",
    (
        "tariff",
        "tariffelement",
        "pricecomponent",
        "tariffassignment",
        "pricegroup",
        "dynamicprice",
        "offpeakincentive",
    ),
    _ALL,
) | _permissions("billing", ("spotprice",), ("view", "add"))
_KEEP_TOKENS = _permissions("accounts", ("idtoken", "idtokengroup"), _WRITE)
_OWN_KEYS = _permissions("accounts", ("apikey",), ("view", "add", "change"))

#: Commands a role may send, by the kinds of ``stations.ocpp.requests``.
FIRST_LINE_COMMANDS = frozenset(
    {"remote_start", "remote_stop", "unlock_connector", "trigger_message", "reset"}
)
ALL_COMMANDS = FIRST_LINE_COMMANDS | {
    "change_availability", "get_configuration", "change_configuration", "raw_call",
}  # fmt: skip


def command_permission(kind: str) -> str:
    """The permission that sending commands of this kind takes."""
    return f"stations.send_{kind}"


def _commands(kinds: Iterable[str]) -> frozenset[str]:
    return frozenset(command_permission(kind) for kind in kinds)


_PERMISSIONS: dict[str, frozenset[str]] = {
    Role.OPERATOR: _SEE_HARDWARE | _SEE_FRAMES | _SEE_SESSIONS | _SEE_PRICES | _SEE_BILLS | _SEE_PEOPLE
    | _OWN_KEYS | _KEEP_HARDWARE | _KEEP_TARIFFS | _KEEP_TOKENS | _SEE_CUSTOMERS | _DECIDE_REVIEWS
    | _KEEP_ENERGY_COSTS
    | _permissions("stations", ("location",), _ALL)
    | _permissions("stations", ("evse", "connector"), ("delete",))
    | _permissions("charging_sessions", ("unmatchedstop",), ("change",))
    | _permissions("accounts", ("user",), ("add", "change"))
    | _permissions("accounts", ("membership",), _ALL)
    | _permissions("accounts", ("organisation",), ("change",))
    | _permissions("accounts", ("auditentry",), ("view",))
    | _commands(ALL_COMMANDS),
    Role.TECHNICIAN: _SEE_HARDWARE | _SEE_FRAMES | _SEE_SESSIONS | _OWN_KEYS | _KEEP_HARDWARE
    | _permissions("stations", ("location",), ("change",))
    | _permissions("accounts", ("idtoken",), ("view",))
    | _commands(ALL_COMMANDS),
    Role.FINANCE: _SEE_HARDWARE | _SEE_SESSIONS | _SEE_PRICES | _SEE_BILLS | _SEE_PEOPLE | _OWN_KEYS
    | _KEEP_TARIFFS | _SEE_CUSTOMERS | _SEE_BOOKS | _KEEP_BOOKS | _DECIDE_REVIEWS | _KEEP_ENERGY_COSTS
    | _permissions("charging_sessions", ("unmatchedstop",), ("change",)),
    Role.SUPPORT: _SEE_HARDWARE | _SEE_FRAMES | _SEE_SESSIONS | _SEE_PRICES | _SEE_BILLS | _SEE_PEOPLE
    | _OWN_KEYS | _SEE_CUSTOMERS | _SEE_REVIEWS
    | _permissions("accounts", ("idtoken",), ("change",))
    | _commands(FIRST_LINE_COMMANDS),
}  # fmt: skip


def permissions_of(role: str) -> frozenset[str]:
    """What holders of the role may do; nothing for hosts, fleet managers and drivers."""
    return _PERMISSIONS.get(role, frozenset())


def roles_allowing(permission: str) -> tuple[str, ...]:
    """The roles that carry the permission."""
    return tuple(role for role, permissions in _PERMISSIONS.items() if permission in permissions)


def organisations_allowing(user: Any, permission: str) -> list[int]:
    """Ids of the organisations in which the person has the permission."""
    return access.organisations_with(user, roles_allowing(permission))


class RoleBackend(BaseBackend):
    """Gives people the permissions of their roles; logs nobody in."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Every permission of the person's roles, read once per request's user."""
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        if "role_permissions" not in user_obj.__dict__:
            user_obj.__dict__["role_permissions"] = _read_permissions(user_obj)
        return user_obj.__dict__["role_permissions"]

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Whether any permission of the person is about the app."""
        return any(
            permission.startswith(f"{app_label}.") for permission in self.get_all_permissions(user_obj)
        )


def _read_permissions(user: Any) -> set[str]:
    roles = user.memberships.filter(organisation__is_active=True).values_list("role", flat=True)
    return set().union(*(permissions_of(role) for role in set(roles)))
