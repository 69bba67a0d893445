"""The people of the demo and their cards."""

from django.contrib.auth.hashers import make_password

from accounts.models import IdToken, IdTokenGroup, Membership, Organisation, User

PASSWORD = "charge-demo"  # noqa: S105  (the demo's, printed on its start page)
DRIVERS = (
    ("driver@demo.test", "Alva Lindqvist", "DEMO0001", "Blå bricka"),
    ("nils@demo.test", "Nils Åkerblom", "DEMO0002", "Nyckelring"),
    ("maja@demo.test", "Maja Öberg", "DEMO0003", "Kort"),
    ("oskar@demo.test", "Oskar Hägg", "DEMO0004", "Kort"),
    ("elsa@demo.test", "Elsa Sjödin", "DEMO0005", "Nyckelring"),
)


def seed_people(operator: Organisation) -> User:
    """Staff of the operator and drivers with a card each; returns the driver of DEMO0001."""
    password = make_password(PASSWORD)  # once: a good hash takes a second
    _staff(operator, "operator@demo.test", "Olle Operatör", Membership.Role.OPERATOR, password)
    _staff(operator, "finance@demo.test", "Frida Finans", Membership.Role.FINANCE, password)
    family = IdTokenGroup.objects.create(uid="DEMOGROUP", name="Familjen Lindqvist", organisation=operator)
    drivers = [_driver(operator, password, *driver) for driver in DRIVERS]
    IdToken.objects.filter(uid="DEMO0001").update(group=family)
    for number in range(6, 13):
        IdToken.objects.create(uid=f"DEMO{number:04}", organisation=operator, label=f"Poolbil {number - 5}")
    return drivers[0]


def _staff(operator: Organisation, email: str, name: str, role: str, password: str) -> None:
    user = User.objects.create(email=email, password=password, name=name, is_staff=True)
    Membership.objects.create(user=user, organisation=operator, role=role)


def _driver(operator: Organisation, password: str, email: str, name: str, uid: str, label: str) -> User:
    user = User.objects.create(email=email, password=password, name=name)
    IdToken.objects.create(uid=uid, user=user, label=label, organisation=operator)
    return user
