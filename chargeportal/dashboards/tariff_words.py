"""Why this tariff: the explanation kept with a charge detail record, in words."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from billing.tariff_selection import tariff_of_session
from sessions.models import ChargingSession


@dataclass(frozen=True, slots=True)
class Considered:
    """A tariff that held at the place."""

    name: str
    version: int
    public_id: str
    place: str
    group: str
    since: dt.datetime
    verdict: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Why:
    """The rule in a sentence, the groups of the driver, and the tariffs in the order they were considered."""

    rule: str
    groups: list[str]
    considered: list[Considered]


def why_this_tariff(session: ChargingSession) -> Why:
    """As it was kept with the record that holds, or as it would be chosen while there is none."""
    return in_words(tariff_of_session(session).evidence)


def in_words(kept: Mapping[str, Any]) -> Why:
    """The explanation of ``billing.tariff_selection`` in words."""
    return Why(
        rule=_rules().get(kept["rule"], kept["rule"]),
        groups=[
            f"{group['name']}: {_through().get(group['through'], group['through'])}"
            for group in kept["groups"]
        ],
        considered=[_considered(each) for each in kept["considered"]],
    )


def _considered(each: Mapping[str, Any]) -> Considered:
    return Considered(
        name=each["name"],
        version=each["version"],
        public_id=each["tariff"],
        place=_places().get(each["place"], each["place"]),
        group=each["price_group"] or _("everybody"),
        since=dt.datetime.fromisoformat(each["valid_from"]),
        verdict=_verdicts().get(each["verdict"], each["verdict"]),
        is_chosen=each["verdict"] == "chosen",
    )


def _rules() -> dict[str, str]:
    return {
        "price_group": _("The driver is in a price group that has a tariff here."),
        "ad_hoc": _("A guest pays the ad-hoc tariff."),
        "public": _("The public tariff: no price group of the driver has one here."),
        "none": _("No tariff held here for the driver."),
    }


def _through() -> dict[str, str]:
    return {
        "person": _("the person is in it"),
        "membership": _("through an organisation the person belongs to"),
        "id_token": _("through the organisation of the id token"),
        "subscription": _("through a subscription"),
    }


def _places() -> dict[str, str]:
    return {"evse": _("this outlet"), "location": _("the location"), "everywhere": _("everywhere else")}


def _verdicts() -> dict[str, str]:
    return {
        "chosen": _("chosen"),
        "after": _("comes after it"),
        "other_group": _("for a group the driver is not in"),
    }
