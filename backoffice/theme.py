"""How the back office looks: the theme's settings. Settings import this module before any app is loaded."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static


def stylesheet(_request: HttpRequest) -> str:
    return static("backoffice/face.css")


def icon(_request: HttpRequest) -> str:
    return static("backoffice/icon.svg")


def script(_request: HttpRequest) -> str:
    return static("backoffice/face.js")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "backoffice.console.navigation.shop_name",
    "SITE_HEADER": "backoffice.console.navigation.shop_name",
    "SITE_SYMBOL": "storefront",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": icon}],
    "SITE_URL": None,  # there is no shop front here to look at
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        }
    },
    "STYLES": [stylesheet],
    "SCRIPTS": [script],
    "ENVIRONMENT": "backoffice.console.navigation.environment",
    "GLOBAL_CALLBACK": "backoffice.console.navigation.for_every_page",
    "DASHBOARD_CALLBACK": "backoffice.console.home.dashboard",
    "ACCOUNT": {"navigation": "backoffice.console.navigation.account_links"},
    "SIDEBAR": {"show_search": True, "command_search": True, "navigation": "backoffice.console.navigation.sidebar"},
    "COMMAND": {"search_models": False, "search_callback": "backoffice.console.navigation.found"},
}
