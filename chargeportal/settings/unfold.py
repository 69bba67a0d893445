"""The look and the navigation of the operator admin."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse, reverse_lazy
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


def _page(
    title: str | Promise, icon: str, name: str, permission: str, *, has_pages_below: bool = True
) -> dict[str, Any]:
    """An entry of the sidebar, for those who have the permission.

    Without pages below, pages whose address begins with the entry's are entries of their own.
    """
    entry: dict[str, Any] = (
        {} if has_pages_below else {"active": lambda request: request.path == reverse(name)}
    )
    return entry | {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(name),
        "permission": lambda request: request.user.has_perm(permission),
    }


_NAVIGATION = [
    {
        "title": _("Operations"),
        "items": [
            {"title": _("Network now"), "icon": "grid_view", "link": reverse_lazy("admin:index")},
            _page(
                _("Charging sessions"),
                "bolt",
                "admin:charging_sessions_chargingsession_changelist",
                "charging_sessions.view_chargingsession",
            ),
            _page(
                _("Held sessions"),
                "pending_actions",
                "admin:charging_sessions_sessionreview_changelist",
                "charging_sessions.view_sessionreview",
            ),
            _page(
                _("Charging stations"),
                "ev_station",
                "admin:stations_chargingstation_changelist",
                "stations.view_chargingstation",
            ),
            _page(
                _("Locations"), "location_on", "admin:stations_location_changelist", "stations.view_location"
            ),
            _page(
                _("Commands"),
                "terminal",
                "admin:stations_stationcommand_changelist",
                "stations.view_stationcommand",
            ),
        ],
    },
    {
        "title": _("History"),
        "collapsible": True,
        "items": [
            _page(
                _("Status history"),
                "timeline",
                "admin:stations_statusinterval_changelist",
                "stations.view_statusinterval",
            ),
            _page(
                _("Connection history"),
                "lan",
                "admin:stations_stationconnection_changelist",
                "stations.view_stationconnection",
            ),
            _page(
                _("Boot history"),
                "power_settings_new",
                "admin:stations_bootrecord_changelist",
                "stations.view_bootrecord",
            ),
            _page(
                _("Start requests"),
                "touch_app",
                "admin:charging_sessions_startrequest_changelist",
                "charging_sessions.view_startrequest",
            ),
            _page(
                _("Stops without session"),
                "link_off",
                "admin:charging_sessions_unmatchedstop_changelist",
                "charging_sessions.view_unmatchedstop",
            ),
            _page(
                _("Audit trail"),
                "fact_check",
                "admin:accounts_auditentry_changelist",
                "accounts.view_auditentry",
            ),
        ],
    },
    {
        "title": _("Prices and bills"),
        "items": [
            _page(
                _("Charge detail records"), "receipt_long", "admin:billing_cdr_changelist", "billing.view_cdr"
            ),
            _page(_("Tariffs"), "sell", "admin:billing_tariff_changelist", "billing.view_tariff"),
            _page(
                _("Day-ahead prices"),
                "show_chart",
                "admin:billing_spotprice_changelist",
                "billing.view_spotprice",
            ),
            _page(
                _("Price groups"), "groups", "admin:billing_pricegroup_changelist", "billing.view_pricegroup"
            ),
        ],
    },
    {
        "title": _("Finance"),
        "collapsible": True,
        "items": [
            _page(
                _("Finance desk"),
                "account_balance",
                "dashboards:finance",
                "billing.view_journalentry",
                has_pages_below=False,
            ),
            _page(
                _("Month close"), "event_available", "dashboards:finance_months", "billing.view_ledgerperiod"
            ),
            _page(_("Revenue"), "monitoring", "dashboards:revenue", "billing.view_energycost"),
            _page(_("Invoices"), "receipt", "admin:billing_invoice_changelist", "billing.view_invoice"),
            _page(
                _("Invoice runs"),
                "playlist_add_check",
                "admin:billing_invoicerun_changelist",
                "billing.view_invoicerun",
            ),
            _page(
                _("Dunning"),
                "notifications_active",
                "admin:billing_dunningcase_changelist",
                "billing.view_dunningcase",
            ),
            _page(_("Exports"), "download", "admin:billing_export_changelist", "billing.view_export"),
        ],
    },
    {
        "title": _("Customers"),
        "collapsible": True,
        "items": [
            _page(
                _("Customers"),
                "contacts",
                "admin:billing_billingaccount_changelist",
                "billing.view_billingaccount",
            ),
            _page(
                _("Subscriptions"),
                "card_membership",
                "admin:billing_subscription_changelist",
                "billing.view_subscription",
            ),
            _page(_("Subscription plans"), "loyalty", "admin:billing_plan_changelist", "billing.view_plan"),
            _page(
                _("Revenue shares"),
                "handshake",
                "admin:billing_revenueshareagreement_changelist",
                "billing.view_revenueshareagreement",
            ),
            _page(
                _("Charging at home"),
                "home",
                "admin:billing_homechargingagreement_changelist",
                "billing.view_homechargingagreement",
            ),
            _page(_("Payouts"), "outbox", "admin:billing_payoutfile_changelist", "billing.view_payoutfile"),
        ],
    },
    {
        "title": _("Payments"),
        "collapsible": True,
        "items": [
            _page(_("Payments"), "credit_card", "admin:billing_payment_changelist", "billing.view_payment"),
            _page(
                _("Guests"),
                "qr_code_2",
                "admin:billing_guestcheckout_changelist",
                "billing.view_guestcheckout",
            ),
            _page(_("Wallets"), "wallet", "admin:billing_wallet_changelist", "billing.view_wallet"),
            _page(_("Disputes"), "gavel", "admin:billing_dispute_changelist", "billing.view_dispute"),
            _page(
                _("Reconciliation"),
                "rule",
                "admin:billing_reconciliation_changelist",
                "billing.view_reconciliation",
            ),
            _page(
                _("Balance of the card processor"),
                "account_balance_wallet",
                "admin:billing_balancetransaction_changelist",
                "billing.view_balancetransaction",
            ),
            _page(
                _("Messages of the card processor"),
                "forward_to_inbox",
                "admin:billing_webhookevent_changelist",
                "billing.view_webhookevent",
            ),
        ],
    },
    {
        "title": _("Books"),
        "collapsible": True,
        "items": [
            _page(
                _("Trial balance"),
                "balance",
                "dashboards:finance_trial_balance",
                "billing.view_journalentry",
            ),
            _page(
                _("Journal"),
                "menu_book",
                "admin:billing_journalentry_changelist",
                "billing.view_journalentry",
            ),
            _page(
                _("Chart of accounts"),
                "account_tree",
                "admin:billing_ledgeraccount_changelist",
                "billing.view_ledgeraccount",
            ),
            _page(
                _("Sellers' facts"),
                "store",
                "admin:billing_sellerprofile_changelist",
                "billing.view_sellerprofile",
            ),
            _page(
                _("Dunning policy"),
                "rule",
                "admin:billing_dunningpolicy_changelist",
                "billing.view_dunningpolicy",
            ),
            _page(
                _("Purchase prices of energy"),
                "electric_meter",
                "admin:billing_energycost_changelist",
                "billing.view_energycost",
            ),
            _page(
                _("Scheduled exports"),
                "schedule_send",
                "admin:billing_exportschedule_changelist",
                "billing.view_exportschedule",
            ),
        ],
    },
    {
        "title": _("People and access"),
        "items": [
            _page(_("Users"), "group", "admin:accounts_user_changelist", "accounts.view_user"),
            _page(
                _("Organisations"),
                "apartment",
                "admin:accounts_organisation_changelist",
                "accounts.view_organisation",
            ),
            _page(
                _("Id tokens"), "contactless", "admin:accounts_idtoken_changelist", "accounts.view_idtoken"
            ),
            _page(
                _("Token groups"),
                "workspaces",
                "admin:accounts_idtokengroup_changelist",
                "accounts.view_idtokengroup",
            ),
            _page(_("API keys"), "key", "admin:accounts_apikey_changelist", "accounts.view_apikey"),
        ],
    },
]

UNFOLD = {
    "SITE_TITLE": "ChargePortal",
    "SITE_HEADER": "ChargePortal",
    "SITE_SUBHEADER": _("Operations"),
    "SITE_URL": "/",
    "SITE_SYMBOL": "ev_station",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("icons/mark.svg")},
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "BORDER_RADIUS": "6px",
    "DASHBOARD_CALLBACK": "chargeportal.dashboards.network_page.add_network",
    "STYLES": [
        lambda _request: static("css/tokens.css"),
        lambda _request: static("css/admin.css"),
    ],
    "SCRIPTS": [lambda _request: static("js/admin.js"), lambda _request: static("js/live.js")],
    "COLORS": {
        "base": {
            # greys with a breath of the accent's green
            "50": "oklch(98.4% .003 160)",
            "100": "oklch(96.5% .005 160)",
            "200": "oklch(92.2% .007 160)",
            "300": "oklch(86.8% .009 160)",
            "400": "oklch(70.6% .014 160)",
            "500": "oklch(54.8% .017 160)",
            "600": "oklch(44.2% .017 160)",
            "700": "oklch(34.5% .016 165)",
            "800": "oklch(26.5% .014 165)",
            "900": "oklch(19.5% .011 165)",
            "950": "oklch(14.5% .009 165)",
        },
        "primary": {
            # one accent, a deep green
            "50": "oklch(97% .02 160)",
            "100": "oklch(94% .04 160)",
            "200": "oklch(88% .07 160)",
            "300": "oklch(79% .1 160)",
            "400": "oklch(72% .12 160)",
            "500": "oklch(66% .12 160)",
            "600": "oklch(47% .095 160)",
            "700": "oklch(40% .08 160)",
            "800": "oklch(34% .065 160)",
            "900": "oklch(29% .055 160)",
            "950": "oklch(20% .04 160)",
        },
    },
    "LOGIN": {"form": "accounts.admin_login.AdminLoginForm"},
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": _NAVIGATION},
}
