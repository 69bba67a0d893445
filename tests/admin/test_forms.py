"""Keys, tokens and what the audit trail says of them."""

import pytest
from django.urls import reverse

from accounts import api_keys
from accounts.models import ApiKey, AuditEntry, IdToken
from tests.factories import IdTokenFactory, LocationFactory, StationFactory


class TestApiKeys:
    def test_a_new_key_is_shown_once_and_opens_the_account(self, colleague, browser):
        from django.utils import timezone

        user = colleague("technician")
        client = browser(user)
        page = client.post(reverse("admin:accounts_apikey_add"), {"name": "Script"})
        secret = page.context["secret"]
        assert secret in page.content.decode()
        assert api_keys.user_of(secret, now=timezone.now()) == user
        key = ApiKey.objects.get()
        for address in (
            reverse("admin:accounts_apikey_changelist"),
            reverse("admin:accounts_apikey_change", args=[key.pk]),
        ):
            assert secret not in client.get(address).content.decode()
        assert [entry.act for entry in AuditEntry.objects.all()] == ["apikey.added"]

    def test_a_revoked_key_opens_nothing(self, colleague, browser):
        from django.utils import timezone

        user = colleague("operator")
        key, secret = api_keys.issue(user, name="Script")
        browser(user).post(
            reverse("admin:accounts_apikey_changelist"), {"action": "revoke", "_selected_action": [key.pk]}
        )
        assert api_keys.user_of(secret, now=timezone.now()) is None

    @pytest.mark.parametrize(("role", "revoked"), [("operator", True), ("technician", False)])
    def test_who_keeps_accounts_revokes_the_keys_of_colleagues(self, role, revoked, colleague, browser):
        key, _ = api_keys.issue(colleague("support"), name="Script")
        browser(colleague(role)).post(
            reverse("admin:accounts_apikey_changelist"), {"action": "revoke", "_selected_action": [key.pk]}
        )
        key.refresh_from_db()
        assert (key.revoked_at is not None) is revoked

    def test_nobody_makes_a_key_for_somebody_else(self, colleague, browser):
        user, other = colleague("operator"), colleague("support")
        browser(user).post(reverse("admin:accounts_apikey_add"), {"name": "Script", "user": other.pk})
        assert ApiKey.objects.get().user == user


def test_blocking_a_token_is_in_the_audit_trail(operator, colleague, browser):
    token = IdTokenFactory(organisation=operator, uid="CARD9")
    user = colleague("support")
    browser(user).post(
        reverse("admin:accounts_idtoken_changelist"), {"action": "block", "_selected_action": [token.pk]}
    )
    assert IdToken.objects.get().blocked_at is not None
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.act, entry.subject) == (user, "idtoken.blocked", "idtoken CARD9")


def test_a_bulk_action_reaches_only_ones_own_rows(colleague, stranger, browser):
    token = IdTokenFactory(organisation=stranger.memberships.get().organisation)
    browser(colleague("operator")).post(
        reverse("admin:accounts_idtoken_changelist"), {"action": "block", "_selected_action": [token.pk]}
    )
    token.refresh_from_db()
    assert token.blocked_at is None


def test_a_change_of_a_station_is_in_the_audit_trail(operator, colleague, browser):
    station = StationFactory(location=LocationFactory(operator=operator), identity="CP-7")
    user = colleague("technician")
    data = {
        "identity": "CP-7",
        "name": "North",
        "location": station.location_id,
        "registration": "accepted",
        "heartbeat_interval_s": 300,
        "evses-TOTAL_FORMS": 0,
        "evses-INITIAL_FORMS": 0,
    }
    response = browser(user).post(reverse("admin:stations_chargingstation_change", args=[station.pk]), data)
    assert response["Location"] == reverse("dashboards:station", args=[station.pk])
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.act) == (user, "chargingstation.changed")
    assert "name" in entry.details["fields"]


@pytest.mark.parametrize("name", ["billing_cdr", "charging_sessions_chargingsession", "accounts_auditentry"])
def test_what_is_recorded_is_not_added_by_hand(name, superuser, browser):
    assert (
        browser(superuser).get(f"/admin/{name.rsplit('_', 1)[0]}/{name.rsplit('_', 1)[1]}/add/").status_code
        == 403
    )
