"""What may be done with connected accounts and the grants behind them: every decision and every write."""

from __future__ import annotations

from integrations.services.accounts import activate_account, change_account
from integrations.services.checking import check_account, refresh_account
from integrations.services.connecting import (
    STATE_LIFETIME,
    Held,
    Started,
    confirm_connect,
    finish_connect,
    hold_connect,
    prune_states,
    sha256_of,
    start_connect,
)
from integrations.services.disconnecting import disconnect
from integrations.services.hosts import pause_host, refresh_host_info, resume_host
from integrations.services.platforms import is_configured
from integrations.services.signing_in import sign_in
from integrations.services.tokens import (
    RefreshTurn,
    begin_refresh,
    fail_refresh,
    fresh_credentials,
    needs_reauth,
    perform_refresh,
    refresh_expiring,
    store_refresh,
)

__all__ = [
    "STATE_LIFETIME",
    "Held",
    "RefreshTurn",
    "Started",
    "activate_account",
    "begin_refresh",
    "change_account",
    "check_account",
    "confirm_connect",
    "disconnect",
    "fail_refresh",
    "finish_connect",
    "fresh_credentials",
    "hold_connect",
    "is_configured",
    "needs_reauth",
    "pause_host",
    "perform_refresh",
    "prune_states",
    "refresh_account",
    "refresh_expiring",
    "refresh_host_info",
    "resume_host",
    "sha256_of",
    "sign_in",
    "start_connect",
    "store_refresh",
]
