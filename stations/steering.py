"""Who may send which command to which station."""

from typing import Any

from accounts.backends import command_permission, organisations_allowing
from stations.models import ChargingStation


def may_send(user: Any, station: ChargingStation, *, kind: str) -> bool:
    """Whether the person's role at the station's operator allows commands of this kind.

    A station without a location has no operator: whoever may steer it needs the role at any of theirs.
    """
    if user.is_superuser:
        return True
    if not ChargingStation.objects.steerable_by(user).filter(pk=station.pk).exists():
        return False
    allowed = organisations_allowing(user, command_permission(kind))
    return bool(allowed) if station.location is None else station.location.operator_id in allowed
