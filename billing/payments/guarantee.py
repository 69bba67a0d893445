"""Whose charging is paid for: asked before every start, so one query in plain SQL for a whole batch."""

from collections.abc import Collection, Mapping

from django.conf import settings
from django.db import connection

from sessions.ports import Bearer

NO_CREDIT = "no_credit"

# A guest's token is good at its own outlet until charging is over. Everybody else's account with the
# station's operator must not be blocked, and must have something to pay with.
_REFUSALS = """
SELECT asked.n, CASE
    WHEN guest.state IS NOT NULL AND guest.state NOT IN ('paid', 'starting', 'charging') THEN 'invalid'
    WHEN guest.station_id <> asked.station_id OR guest.evse_id <> asked.evse_id THEN 'not_at_this_location'
    WHEN account.is_blocked THEN 'blocked'
    WHEN account.collection = 'wallet' AND account.balance < %(needed)s
        AND NOT (account.tops_up AND account.has_card) THEN 'no_credit'
    WHEN %(strict)s AND account.collection = 'card' AND NOT account.has_card THEN 'no_credit'
    WHEN %(strict)s AND account.id IS NULL AND guest.state IS NULL
        AND (asked.payer_user_id IS NOT NULL OR asked.payer_organisation_id IS NOT NULL) THEN 'no_credit'
    END
FROM (
    SELECT bearer.*, location.operator_id,
        CASE WHEN bearer.organisation_id IS DISTINCT FROM location.operator_id
            THEN bearer.organisation_id END AS payer_organisation_id,
        CASE WHEN bearer.organisation_id IS NULL OR bearer.organisation_id = location.operator_id
            THEN bearer.user_id END AS payer_user_id
    FROM unnest(
        %(tokens)s::bigint[], %(users)s::bigint[], %(organisations)s::bigint[], %(stations)s::bigint[],
        %(evses)s::bigint[]
    ) WITH ORDINALITY AS bearer(token_id, user_id, organisation_id, station_id, evse_id, n)
    LEFT JOIN stations_chargingstation station ON station.id = bearer.station_id
    LEFT JOIN stations_location location ON location.id = station.location_id
) asked
LEFT JOIN LATERAL (
    SELECT held.id, held.collection, held.blocked_at IS NOT NULL AS is_blocked,
        coalesce(wallet.balance, 0) AS balance, wallet.top_up_below IS NOT NULL AS tops_up,
        EXISTS (SELECT FROM billing_card card WHERE card.account_id = held.id AND card.is_default
            AND card.removed_at IS NULL) AS has_card
    FROM billing_billingaccount held
    LEFT JOIN billing_wallet wallet ON wallet.account_id = held.id
    WHERE (held.user_id = asked.payer_user_id OR held.organisation_id = asked.payer_organisation_id)
        AND (asked.operator_id IS NULL OR held.operator_id = asked.operator_id)
    ORDER BY held.blocked_at IS NULL
    LIMIT 1
) account ON true
LEFT JOIN LATERAL (
    SELECT checkout.state, checkout.evse_id, evse.station_id
    FROM charging_sessions_startrequest request
    JOIN billing_guestcheckout checkout ON checkout.start_request_id = request.id
    JOIN stations_evse evse ON evse.id = checkout.evse_id
    WHERE request.id_token_id = asked.token_id
    LIMIT 1
) guest ON asked.user_id IS NULL AND asked.organisation_id IS NULL
"""


class AccountGuarantee:
    """The payment guarantee port's implementation."""

    def refusals(self, bearers: Collection[Bearer]) -> Mapping[Bearer, str]:
        """The status to answer to those of the bearers who may not charge."""
        asked = list(bearers)
        with connection.cursor() as cursor:
            cursor.execute(
                _REFUSALS,
                {
                    "needed": settings.WALLET_NEEDED_TO_START,
                    "strict": settings.REQUIRE_WAY_TO_PAY,
                    "tokens": [bearer.token_id for bearer in asked],
                    "users": [bearer.user_id for bearer in asked],
                    "organisations": [bearer.organisation_id for bearer in asked],
                    "stations": [bearer.station_id for bearer in asked],
                    "evses": [bearer.evse_id for bearer in asked],
                },
            )
            return {asked[n - 1]: refusal for n, refusal in cursor.fetchall() if refusal}
