"""What calls about people, workspaces and keys look like, for the API's description."""

from __future__ import annotations

from typing import Any

USER: dict[str, Any] = {
    "id": "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b13",
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    "role": "editor",
}
TOKENS = {"access_token": "eyJhbGciOiJIUzI1NiIsImtpZCI6…", "refresh_token": "eyJhbGciOiJIUzI1NiIsImtpZCI6…"}
SIGNED_IN = {"user": USER, **TOKENS}
REGISTERED = {**SIGNED_IN, "api_key": "mb_4Zc0…"}
REFRESH = {"refresh_token": TOKENS["refresh_token"]}
SIGN_OUT = {"everywhere": True}
PASSWORDS = {"current_password": "analytical-engine", "new_password": "difference-engine"}
RESET_REQUEST = {"email": USER["email"]}
RESET_ANSWER = {"message": "If somebody has this address, a link is on its way to it; it is good for an hour."}
RESET = {"token": "01932f5e7a107cc39d5e2f1f6f0a4b13.d1x2y3-4f…", "new_password": "difference-engine"}
OWN_WORKSPACE: dict[str, Any] = {
    "id": "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b14",
    "name": "Press office",
    "role": "owner",
    "is_personal": False,
    "created_at": "2030-01-31T08:00:00Z",
}
NEW_WORKSPACE = {"name": OWN_WORKSPACE["name"], "timezone": "Europe/London"}
WORKSPACE: dict[str, Any] = {
    **OWN_WORKSPACE,
    "timezone": "Europe/London",
    "missed_post_policy": "hold",
    "missed_post_hours": None,
    "requires_alt_text": True,
    "duplicate_policy": "warn",
    "duplicate_window_hours": 24,
    "clash_window_minutes": 5,
}
WORKSPACE_CHANGE = {"name": "Press office", "missed_post_policy": "hold", "requires_alt_text": True}
PROFILE = {
    **USER,
    "timezone": "Europe/London",
    "default_workspace": WORKSPACE["id"],
    "workspaces": [OWN_WORKSPACE],
}
PROFILE_CHANGE = {"name": "Ada Lovelace", "timezone": "Europe/London"}
API_KEY: dict[str, Any] = {
    "id": "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b15",
    "name": "Dashboard",
    "prefix": "mb_4Zc0aQ9",
    "workspace": WORKSPACE["id"],
    "role": "viewer",
    "expires_at": None,
    "last_used_at": None,
    "created_at": "2030-01-31T08:00:00Z",
}
MEMBER: dict[str, Any] = {
    "user_id": USER["id"],
    "email": USER["email"],
    "name": USER["name"],
    "role": "owner",
    "joined_at": "2030-01-31T08:00:00Z",
}
INVITED = {"email": "grace@example.com", "role": "editor"}
INVITATION: dict[str, Any] = {
    "id": "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b16",
    **INVITED,
    "invited_by": USER["id"],
    "created_at": "2030-01-31T08:00:00Z",
    "expires_at": "2030-02-07T08:00:00Z",
}
NEW_INVITATION = {**INVITATION, "link": "https://social.example.org/api-auth/invitation?token=2fMZ…"}
ACCEPTANCE = {"token": "2fMZ…"}
NEW_API_KEY = {**API_KEY, "api_key": REGISTERED["api_key"]}
