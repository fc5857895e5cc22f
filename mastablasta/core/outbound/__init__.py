"""The one door to the network: nothing else here opens a connection to a host outside."""

from __future__ import annotations

from mastablasta.core.outbound.addresses import Origin, Refused, check_url, split_url
from mastablasta.core.outbound.auth import Auth
from mastablasta.core.outbound.errors import CallFailed, OutcomeUnknown, Unavailable
from mastablasta.core.outbound.http import Http
from mastablasta.core.outbound.multipart import File
from mastablasta.core.outbound.oauth import OAuthSession
from mastablasta.core.outbound.request_ids import noting_request_ids
from mastablasta.core.outbound.responses import Response

__all__ = [
    "Auth",
    "CallFailed",
    "File",
    "Http",
    "OAuthSession",
    "Origin",
    "OutcomeUnknown",
    "Refused",
    "Response",
    "Unavailable",
    "check_url",
    "noting_request_ids",
    "split_url",
]
