"""The system of what is kept, through the API: it lasts, keeps tenants apart, and is written whole or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from accounts.models import Workspace
from posts.models import Delivery, Post
from tests.kit.person import Person

pytestmark = pytest.mark.django_db(transaction=True)
WHEN = "2030-01-31T09:00:00Z"


def rows() -> dict[str, int]:
    """How many rows each table of posts has."""
    return {model.__name__: model._base_manager.count() for model in apps.get_app_config("posts").get_models()}


def test_what_is_answered_is_kept_whole_for_its_owner_alone() -> None:
    from integrations.tests.factories import make_account

    ada, eve = Person("ada@example.test"), Person("eve@example.test")
    account = make_account(workspace=Workspace.objects.get(id=ada.get("workspaces")["workspaces"][0]["id"]))
    body: dict[str, Any] = {
        "content": "Grüße, 漢字 und 👩‍👩‍👧",
        "platforms": ["mastodon"],
        "scheduled_time": WHEN,
        "tags": ["spring", "harbour"],
        "external_id": "crm-1",
    }

    # Kept as it was said, and there for who comes by another connection.
    made = ada.post("posts", body, status=201)
    connection.close()
    kept = ada.get(f"posts/{made['id']}")
    assert {name: kept[name] for name in body} == {**body, "tags": ["spring", "harbour"]}
    assert (kept["status"], [one["account_id"] for one in kept["deliveries"]]) == ("scheduled", [str(account.id)])

    # Found by what it says, by its label and by its day; by nobody else.
    for query in ("search/posts?q=Grüße", "posts?tag=spring", "posts?status=scheduled", "posts?external_id=crm-1"):
        assert [post["id"] for post in ada.get(query)["posts"]] == [made["id"]], query
        assert eve.get(query)["total"] == 0, query
    assert eve.get(f"posts/{made['id']}", status=404)["code"] == "not_found"

    # What is refused leaves nothing behind: of one post, and of the second of two.
    before = rows()
    assert ada.post("posts", body, status=409)["code"] == "external_id_taken"
    ada.post("posts", {"content": "x" * 600, "platforms": ["mastodon"], "scheduled_time": WHEN}, status=400)
    assert rows() == before
    mixed = ada.post("bulk/posts/create", {"posts": [{"content": "Good"}, {"content": 7}]})
    assert (len(mixed["successful"]), [one["index"] for one in mixed["failed"]]) == (1, [1])
    assert Post.objects.filter(content="Good").count() == 1

    # A change is whole, and a stale one is refused rather than lost.
    changed = ada.call("PATCH", f"posts/{made['id']}", {"content": "Changed", "tags": ["harbour"]})
    assert (changed["content"], changed["tags"], changed["scheduled_time"]) == ("Changed", ["harbour"], WHEN)

    # What is deleted is gone for everybody, and nothing of it goes out.
    ada.call("DELETE", f"posts/{made['id']}", status=204)
    assert ada.get(f"posts/{made['id']}", status=404)["code"] == "not_found"
    assert ada.get("search/posts?q=Changed")["total"] == 0
    assert set(Delivery.objects.filter(account=account).values_list("state", flat=True)) == {"cancelled"}
