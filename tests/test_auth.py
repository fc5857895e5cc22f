"""The system of people and their proofs, through the API: one story from the first sign-in to the last sign-out."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from tests.kit.person import PASSWORD, Person

pytestmark = pytest.mark.django_db
NEW = "another long one"


def test_a_team_signs_in_shares_a_workspace_and_signs_out() -> None:
    ada = Person("ada@example.test", name="Ada")
    [workspace] = ada.get("workspaces")["workspaces"]
    assert (ada.get("auth/me")["email"], workspace["role"]) == ("ada@example.test", "owner")

    # A colleague is invited as a viewer: who reads, and is told what would let them write.
    invited = ada.post(
        f"workspaces/{workspace['id']}/invitations", {"email": "bob@example.test", "role": "viewer"}, status=201
    )
    bob = Person("bob@example.test", invitation=invited["link"].partition("token=")[2])
    ada.post("posts", {"content": "A draft of Ada's"}, status=201)
    assert [post["content"] for post in bob.get("posts")["posts"]] == ["A draft of Ada's"]
    assert bob.post("posts", {"content": "Mine"}, status=403)["code"] == "role_too_low"

    # A stranger finds neither the workspace nor the post.
    eve = Person("eve@example.test")
    [post] = ada.get("posts")["posts"]
    assert eve.get(f"posts/{post['id']}", status=404)["code"] == "not_found"
    assert eve.get(f"workspaces/{workspace['id']}", status=404)["code"] == "workspace_not_found"

    # A key of Ada's that may only read does no more, and nothing once it is revoked.
    key = ada.post("auth/api-keys", {"name": "Screen in the hall", "role": "viewer"}, status=201)
    program = APIClient()
    program.credentials(HTTP_X_API_KEY=key["api_key"])
    assert program.get("/api/v2/posts").json()["total"] == 1
    assert program.post("/api/v2/posts", {"content": "By a screen"}).status_code == 403
    ada.call("DELETE", f"auth/api-keys/{key['id']}", status=204)
    assert program.get("/api/v2/posts").status_code == 401

    # Tokens are renewed once each; who uses an old one again ends the sign-in, theirs and the thief's.
    used = ada.registered["refresh_token"]
    fresh = ada.post("auth/refresh", {"refresh_token": used})
    assert ada.post("auth/refresh", {"refresh_token": used}, status=401)["code"] == "token_reused"
    assert ada.post("auth/refresh", {"refresh_token": fresh["refresh_token"]}, status=401)["code"] == "session_ended"

    # Ada signs in again, changes her password, and is signed out everywhere else.
    first, second = (ada.post("auth/login", {"email": "ada@example.test", "password": PASSWORD}) for _ in range(2))
    ada.bear(first["access_token"])
    third = ada.post("auth/password", {"current_password": PASSWORD, "new_password": NEW})
    ada.bear(second["access_token"])
    assert ada.get("auth/me", status=401)["code"] == "session_ended"
    ada.bear(third["access_token"])
    assert ada.get("auth/me")["name"] == "Ada"
    ada.post("auth/logout", status=204)
    assert ada.get("auth/me", status=401)["code"] == "session_ended"
    assert ada.post("auth/login", {"email": "ada@example.test", "password": PASSWORD}, status=401)["detail"]
