"""What each role sees and may do, and that a role counts only where it is held."""

import pytest
from django.urls import reverse

from accounts.models import Membership, User
from tests.factories import (
    PASSWORD,
    EvseFactory,
    IdTokenFactory,
    LocationFactory,
    MembershipFactory,
    OrganisationFactory,
    SessionFactory,
    StationFactory,
    TariffFactory,
    UserFactory,
    online_evse,
)

LISTS_BY_ROLE = {
    "operator": {
        "stations_chargingstation",
        "charging_sessions_chargingsession",
        "billing_cdr",
        "billing_tariff",
        "accounts_user",
        "accounts_idtoken",
        "accounts_auditentry",
        "accounts_apikey",
    },
    "technician": {
        "stations_chargingstation",
        "charging_sessions_chargingsession",
        "accounts_idtoken",
        "accounts_apikey",
    },
    "finance": {
        "stations_chargingstation",
        "charging_sessions_chargingsession",
        "billing_cdr",
        "billing_tariff",
        "accounts_user",
        "accounts_idtoken",
        "accounts_apikey",
    },
    "support": {
        "stations_chargingstation",
        "charging_sessions_chargingsession",
        "billing_cdr",
        "billing_tariff",
        "accounts_user",
        "accounts_idtoken",
        "accounts_apikey",
    },
    "host": set(),
    "fleet_manager": set(),
    "driver": set(),
}
COMMANDS_BY_ROLE = {
    "operator": {
        "reset",
        "raw_call",
        "change_configuration",
        "remote_start",
        "remote_stop",
        "unlock_connector",
    },
    "technician": {
        "reset",
        "raw_call",
        "change_configuration",
        "remote_start",
        "remote_stop",
        "unlock_connector",
    },
    "support": {"reset", "remote_start", "remote_stop", "unlock_connector"},
    "finance": set(),
    "host": set(),
}


@pytest.mark.parametrize("role", LISTS_BY_ROLE)
def test_each_role_sees_its_lists_and_no_others(role, colleague, browser):
    client = browser(colleague(role))
    every = LISTS_BY_ROLE["operator"]
    seen = {name for name in every if client.get(reverse(f"admin:{name}_changelist")).status_code == 200}
    assert seen == LISTS_BY_ROLE[role]


@pytest.mark.parametrize("role", COMMANDS_BY_ROLE)
def test_each_role_may_send_its_commands_and_no_others(role, operator, colleague, browser):
    station = online_evse(location=LocationFactory(operator=operator)).station
    client = browser(colleague(role))
    every = COMMANDS_BY_ROLE["operator"]
    allowed = {
        kind
        for kind in every
        if client.get(reverse("dashboards:command", args=[station.pk, kind])).status_code == 200
    }
    assert allowed == COMMANDS_BY_ROLE[role]
    assert station.commands.count() == 0


def test_whoever_may_not_enter_the_admin_is_sent_to_the_login(operator, browser):
    driver = UserFactory()
    station = StationFactory(location=LocationFactory(operator=operator))
    for address in (reverse("admin:index"), reverse("dashboards:station", args=[station.pk])):
        response = browser(driver).get(address)
        assert response.status_code == 302
        assert reverse("admin:login") in response["Location"]


def test_a_role_in_one_organisation_gives_nothing_in_another(operator, browser):
    """Operator here, technician there: no bills from there."""
    user = MembershipFactory(organisation=operator, role="operator").user
    elsewhere = OrganisationFactory()
    MembershipFactory(user=user, organisation=elsewhere, role="technician")
    here, there = TariffFactory(operator=operator), TariffFactory(operator=elsewhere)
    client = browser(user)
    assert client.get(reverse("admin:billing_tariff_change", args=[here.pk])).status_code == 200
    assert client.get(reverse("admin:billing_tariff_change", args=[there.pk])).status_code == 302
    listed = client.get(reverse("admin:billing_tariff_changelist")).context["cl"].queryset
    assert set(listed) == {here}


def test_a_role_in_an_inactive_organisation_gives_nothing(operator, colleague, browser):
    user = colleague("operator")
    operator.is_active = False
    operator.save()
    assert browser(user).get(reverse("admin:stations_chargingstation_changelist")).status_code == 403


def test_finance_reads_sessions_and_changes_tariffs(operator, colleague, browser):
    user = colleague("finance")
    assert user.has_perm("billing.change_tariff")
    assert not user.has_perm("charging_sessions.change_chargingsession")
    assert not user.has_perm("stations.change_chargingstation")


def test_a_technician_sees_sessions_without_their_cost(operator, colleague, browser):
    session = SessionFactory(
        evse=EvseFactory(station=StationFactory(location=LocationFactory(operator=operator)))
    )
    client = browser(colleague("technician"))
    listed = client.get(reverse("admin:charging_sessions_chargingsession_changelist"))
    assert "cost" not in listed.context["cl"].list_display
    page = client.get(reverse("dashboards:session", args=[session.pk]))
    assert page.context["may_see_price"] is False
    assert "Prices are shown to those who deal with bills." in page.content.decode()


@pytest.mark.parametrize("page", ["dashboards:station", "admin:stations_chargingstation_password"])
def test_a_stranger_does_not_find_the_station(page, operator, stranger, browser):
    station = StationFactory(location=LocationFactory(operator=operator, is_published=True))
    assert browser(stranger).get(reverse(page, args=[station.pk])).status_code == 404


def test_a_stranger_does_not_find_the_session(operator, stranger, browser):
    session = SessionFactory(
        evse=EvseFactory(station=StationFactory(location=LocationFactory(operator=operator)))
    )
    assert browser(stranger).get(reverse("dashboards:session", args=[session.pk])).status_code == 404


def test_forms_offer_only_ones_own_locations(operator, colleague, stranger, browser):
    mine = LocationFactory(operator=operator)
    theirs = LocationFactory(operator=stranger.memberships.get().organisation, is_published=True)
    client, address = browser(colleague("operator")), reverse("admin:stations_chargingstation_add")
    refused = client.post(address, {"identity": "NEW-1", "location": theirs.pk})
    assert "location" in refused.context["adminform"].form.errors
    accepted = client.post(address, {"identity": "NEW-1", "location": mine.pk})
    assert accepted.status_code == 200
    assert mine.stations.get().identity == "NEW-1"


class TestUsers:
    """Whoever may set a password can log in as that person, so that ends at one's own colleagues."""

    def change(self, browser, actor, user, **data):
        url = reverse("admin:accounts_user_change", args=[user.pk])
        return browser(actor).post(
            url,
            {
                "email": user.email,
                "name": "Changed",
                "language": "sv",
                "is_active": "on",
                "memberships-TOTAL_FORMS": 0,
                "memberships-INITIAL_FORMS": 0,
                **data,
            },
        )

    def test_an_operator_changes_a_colleague(self, colleague, browser):
        user = colleague("support")
        self.change(browser, colleague("operator"), user)
        user.refresh_from_db()
        assert user.name == "Changed"

    def test_nobody_but_superusers_makes_superusers(self, colleague, browser):
        user = colleague("support")
        self.change(browser, colleague("operator"), user, is_superuser="on")
        user.refresh_from_db()
        assert user.name == "Changed"
        assert user.is_superuser is False

    @pytest.mark.parametrize("whose", ["driver", "superuser", "also elsewhere", "stranger"])
    def test_an_operator_changes_nobody_else(self, whose, operator, colleague, stranger, superuser, browser):
        actor = colleague("operator")
        both = colleague("support")
        MembershipFactory(user=both, organisation=OrganisationFactory(), role="finance")
        MembershipFactory(user=superuser, organisation=operator, role="operator")
        users = {
            "driver": UserFactory(),
            "superuser": superuser,
            "also elsewhere": both,
            "stranger": stranger,
        }
        user, name = users[whose], users[whose].name
        response = self.change(browser, actor, user)
        password = browser(actor).get(f"/admin/accounts/user/{user.pk}/password/")
        user.refresh_from_db()
        assert response.status_code in (302, 403, 404)
        assert password.status_code in (302, 403, 404)
        assert user.name == name

    def test_an_operator_gives_roles_only_in_its_own_organisation(
        self, operator, colleague, stranger, browser
    ):
        user, elsewhere = colleague("support"), stranger.memberships.get().organisation
        data = {
            "memberships-TOTAL_FORMS": 1,
            "memberships-INITIAL_FORMS": 0,
            "memberships-0-user": user.pk,
            "memberships-0-organisation": elsewhere.pk,
            "memberships-0-role": "operator",
        }
        self.change(browser, colleague("operator"), user, **data)
        assert not Membership.objects.filter(user=user, organisation=elsewhere).exists()
        self.change(
            browser, colleague("operator"), user, **data | {"memberships-0-organisation": operator.pk}
        )
        assert Membership.objects.filter(user=user, organisation=operator, role="operator").exists()

    def test_an_operator_adds_a_colleague_with_a_role(self, operator, colleague, browser):
        data = {
            "email": "New@Example.test",
            "name": "New",
            "language": "sv",
            "is_staff": "on",
            "password1": PASSWORD,
            "password2": PASSWORD,
            "usable_password": "true",
            "memberships-TOTAL_FORMS": 1,
            "memberships-INITIAL_FORMS": 0,
            "memberships-0-organisation": operator.pk,
            "memberships-0-role": "",
        }
        client, address = browser(colleague("operator")), reverse("admin:accounts_user_add")
        assert client.post(address, data).status_code == 200
        assert not User.objects.filter(name="New").exists()
        assert client.post(address, data | {"memberships-0-role": "technician"}).status_code == 302
        user = User.objects.get(email="new@example.test")
        assert user.check_password(PASSWORD)
        assert user.memberships.get().role == "technician"

    def test_staff_find_their_drivers_and_newcomers_but_not_others_drivers(
        self, operator, colleague, browser
    ):
        own, other, newcomer = UserFactory(), UserFactory(), UserFactory()
        SessionFactory(
            evse=EvseFactory(station=StationFactory(location=LocationFactory(operator=operator))),
            id_token=IdTokenFactory(user=own),
        )
        SessionFactory(id_token=IdTokenFactory(user=other))
        listed = browser(colleague("support")).get(reverse("admin:accounts_user_changelist"))
        found = set(listed.context["cl"].queryset)
        assert {own, newcomer} <= found
        assert other not in found


def test_support_blocks_a_token_and_changes_nothing_else(operator, colleague, browser):
    token = IdTokenFactory(organisation=operator, label="Blue")
    client = browser(colleague("support"))
    address = reverse("admin:accounts_idtoken_change", args=[token.pk])
    client.post(
        address,
        {
            "uid": "OTHER",
            "label": "Red",
            "block_reason": "lost",
            "blocked_at_0": "2026-03-10",
            "blocked_at_1": "12:00:00",
        },
    )
    token.refresh_from_db()
    assert (token.label, token.block_reason) == ("Blue", "lost")
    assert token.blocked_at is not None


def test_login_at_the_bare_login_page_leads_into_the_admin(colleague, client):
    user: User = colleague("operator")
    page = client.get("/admin/login/")
    assert 'name="next" value="/admin/"' in page.content.decode()
    response = client.post("/admin/login/", {"username": user.email, "password": PASSWORD, "next": "/admin/"})
    assert response["Location"] == "/admin/"


def test_the_admins_own_login_does_not_pass_over_a_second_factor(colleague, client):
    from allauth.mfa.models import Authenticator

    user = colleague("operator")
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    response = client.post("/admin/login/", {"username": user.email, "password": PASSWORD})
    assert "second factor" in response.content.decode()
    assert "_auth_user_id" not in client.session
