"""The look and the navigation frame of the operator admin."""

from django.utils.translation import gettext_lazy as _

UNFOLD = {
    "SITE_TITLE": "ChargePortal",
    "SITE_HEADER": "ChargePortal",
    "SITE_SUBHEADER": _("Operations"),
    "SITE_URL": "/",
    "SITE_SYMBOL": "ev_station",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": True,
    "SHOW_LANGUAGES": True,
    "BORDER_RADIUS": "6px",
    "COLORS": {
        # one accent, a deep green
        "primary": {
            "50": "oklch(97% .02 160)",
            "100": "oklch(94% .04 160)",
            "200": "oklch(88% .07 160)",
            "300": "oklch(79% .1 160)",
            "400": "oklch(68% .12 160)",
            "500": "oklch(57% .11 160)",
            "600": "oklch(47% .095 160)",
            "700": "oklch(40% .08 160)",
            "800": "oklch(34% .065 160)",
            "900": "oklch(29% .055 160)",
            "950": "oklch(20% .04 160)",
        },
    },
    "SIDEBAR": {"show_search": True, "show_all_applications": False},
}
