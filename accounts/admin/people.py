"""Which people the staff of an operator deals with."""

from django.db.models import Q, QuerySet

from accounts.models import Membership, User


def members_of(organisation_ids: list[int]) -> QuerySet[User]:
    """People with a role in one of the organisations."""
    memberships = Membership.objects.filter(organisation__in=organisation_ids)
    return User.objects.filter(pk__in=memberships.values("user"))


def known_to(organisation_ids: list[int]) -> Q:
    """A condition on users: members of the organisations, their drivers, and newcomers.

    Drivers have charged at the organisations' stations or hold one of their tokens; newcomers have
    signed up, belong to nobody and have charged nowhere yet, and may need help with just that.
    """
    if not organisation_ids:
        return Q(pk__in=[])
    drivers = Q(charging_sessions__station__location__operator__in=organisation_ids)
    holders = Q(id_tokens__organisation__in=organisation_ids)
    newcomers = Q(memberships__isnull=True, charging_sessions__isnull=True, is_superuser=False)
    theirs = User.objects.filter(
        drivers | holders | newcomers | Q(memberships__organisation__in=organisation_ids)
    )
    return Q(pk__in=theirs.order_by().values("pk"))


def in_the_hands_of(organisation_ids: list[int]) -> Q:
    """A condition on users: members of these organisations and of no other.

    Never superusers and never drivers: whoever may set a password can log in as that person.
    """
    elsewhere = Membership.objects.exclude(organisation__in=organisation_ids)
    members = Membership.objects.filter(organisation__in=organisation_ids)
    return Q(pk__in=members.values("user"), is_superuser=False) & ~Q(pk__in=elsewhere.values("user"))
