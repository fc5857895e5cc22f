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
WORKSPACE: dict[str, Any] = {
    "id": "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b14",
    "name": "Press office",
    "role": "owner",
    "is_personal": False,
    "created_at": "2030-01-31T08:00:00Z",
}
NEW_WORKSPACE = {"name": WORKSPACE["name"]}
PROFILE = {
    **USER,
    "timezone": "Europe/London",
    "default_workspace": WORKSPACE["id"],
    "workspaces": [WORKSPACE],
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
NEW_API_KEY = {**API_KEY, "api_key": REGISTERED["api_key"]}
