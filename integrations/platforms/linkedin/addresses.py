"""Where LinkedIn is: its API and its pages have hosts of their own, which the simulator has not.

Things are named by URNs, `urn:li:share:1`, which are escaped wherever they stand in an address.
Source: https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/urns (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

from mastablasta.core.outbound import Http

API = "https://api.linkedin.com"
PAGES = "https://www.linkedin.com"
# The month whose form of the API the calls are written for, and the last day on which LinkedIn takes it.
# https://learn.microsoft.com/en-us/linkedin/marketing/versioning (read 2026-11-23)
VERSION, LAST_DAY = "202609", "2027-09-15"

POST_URN = re.compile(r"urn:li:(?:share|ugcPost):[0-9]{1,25}")
COMMENT_URN = re.compile(r"urn:li:comment:\((urn:li:(?:activity|share|ugcPost):[0-9]{1,25}),([0-9]{1,25})\)")


def versioned(http: Http) -> Http:
    """The same, with what every call of the versioned API has to say."""
    return http.with_headers(LinkedIn_Version=VERSION, X_Restli_Protocol_Version="2.0.0")


def pages_of(base_url: str) -> str:
    """The address below which people find consent and posts, and programs tokens and uploads."""
    return PAGES if base_url == API else base_url


def post_url(base_url: str, urn: str) -> str:
    return f"{pages_of(base_url)}/feed/update/{urn}/"


def escaped(urn: str) -> str:
    return quote(urn, safe="")


def urn_list(values: Iterable[str]) -> str:
    """A list as addresses have it: brackets and commas as they are, what stands between them escaped."""
    return f"List({','.join(map(escaped, values))})"
