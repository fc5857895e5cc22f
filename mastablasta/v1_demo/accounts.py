"""/api/accounts… and the simulated sign-in that makes one. Credentials are dropped where they arrive."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.conf import settings

from mastablasta.v1_demo.calls import LONGEST_NAME, Answer, Call, Refusal, cut, known_platform, stamp
from mastablasta.v1_demo.platforms import PLATFORMS
from mastablasta.v1_demo.state import Row, shown

SIGN_IN = timedelta(minutes=10)


def list_accounts(call: Call) -> Answer:
    found = [shown(key, row) for key, row in call.state.accounts.items()]
    return 200, {"accounts": found, "count": len(found)}


def add_account(call: Call) -> Answer:
    platform = call.text("platform")
    if not platform:
        raise Refusal(400, "Platform is required")
    known_platform(platform)
    name = call.text("name", most=LONGEST_NAME)
    if not name:
        raise Refusal(400, "Account name is required")
    account_id = _add(call, platform, name, call.text("username", most=LONGEST_NAME))
    return 201, {
        "success": True,
        "account_id": account_id,
        "message": f"Account {name} added",
        "account": _brief(account_id, call.state.accounts[account_id]),
    }


def get_account(call: Call, account_id: str) -> Answer:
    return 200, {"account": shown(account_id, _account(call, account_id))}


def change_account(call: Call, account_id: str) -> Answer:
    row = _account(call, account_id)
    name = call.text("name", most=LONGEST_NAME)
    if "name" in call.body and not name:
        raise Refusal(400, "Account name is required")
    username = call.text("username", most=LONGEST_NAME)
    enabled = call.flag("enabled", row["enabled"])
    row |= {"name": name or row["name"], "enabled": enabled}
    if "username" in call.body:
        row["username"] = username
    return 200, {"success": True, "message": f"Account {row['name']} updated", "account": _brief(account_id, row)}


def delete_account(call: Call, account_id: str) -> Answer:
    name = _account(call, account_id)["name"]
    del call.state.accounts[account_id]
    return 200, {"success": True, "message": f"Account {name} deleted"}


def try_account(call: Call, account_id: str) -> Answer:
    row = _account(call, account_id)
    label = PLATFORMS[row["platform"]].display_name
    return 200, {
        "success": True,
        "message": f"The simulated connection to {label} works",
        "platform": row["platform"],
        "account_name": row["name"],
    }


# --- simulated OAuth ---
def begin_sign_in(call: Call, platform: str) -> Answer:
    name = known_platform(platform)
    state = secrets.token_urlsafe(24)
    call.state.oauth_states[state] = {"platform": name, "ends_at": stamp(call.at + SIGN_IN)}
    query = urlencode({"code": "simulated", "state": state})
    address = f"{settings.PUBLIC_URL}/api/oauth/callback/{name}?{query}"
    return 200, {"oauth_url": address, "state": state, "platform": name, "mode": "simulated"}


def end_sign_in(call: Call, platform: str) -> Answer:
    name = known_platform(platform)
    if not call.query.get("code"):
        raise Refusal(400, "code is required")
    state = call.query.get("state", "")
    begun = call.state.oauth_states.get(state)
    if begun is None or begun["platform"] != name or begun["ends_at"] <= call.now:
        raise Refusal(400, "Invalid or used state; begin again at /api/oauth/init/" + name)
    del call.state.oauth_states[state]
    label = PLATFORMS[name].display_name
    account_id = _add(call, name, f"{label} demo account", f"demo_{name}")
    return 200, {"success": True, "account_id": account_id, "platform": name}


def _add(call: Call, platform: str, name: str, username: str) -> str:
    account_id = str(uuid4())
    call.state.accounts[account_id] = {
        "platform": platform,
        "name": name,
        "username": username,
        "enabled": True,
        "created_at": call.now,
    }
    return account_id


def _account(call: Call, account_id: str) -> Row:
    row = call.state.accounts.get(account_id)
    if row is None:
        raise Refusal(404, "Account not found")
    return row


def _brief(account_id: str, row: Row) -> dict[str, Any]:
    return {name: value for name, value in shown(account_id, row).items() if name != "created_at"}


def chosen_accounts(call: Call) -> dict[str, Row]:
    """The accounts in `account_ids`. Raises Refusal."""
    found = {}
    for account_id in call.texts("account_ids"):
        row = call.state.accounts.get(account_id)
        if row is None:
            raise Refusal(404, f"Account not found: {cut(account_id)}")
        if not row["enabled"]:
            raise Refusal(400, f"Account {row['name']} is disabled")
        found[account_id] = row
    return found
