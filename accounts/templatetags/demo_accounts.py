"""The accounts of the demonstration, for its login page."""

from __future__ import annotations

from dataclasses import dataclass

from django import template
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

register = template.Library()


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """Somebody the visitor of the demonstration may be."""

    email: str
    password: str
    role: str | Promise


_ACCOUNTS = (
    DemoAccount("driver@demo.test", "charge-demo", _("Driver: charges and pays")),
    DemoAccount("operator@demo.test", "charge-demo", _("Operator: watches and controls the network")),
    DemoAccount("finance@demo.test", "charge-demo", _("Finance: prices and bills")),
)


@register.simple_tag
def demo_accounts() -> tuple[DemoAccount, ...]:
    """The demo accounts when this is the demonstration, none anywhere else."""
    return _ACCOUNTS if settings.DEMO else ()
