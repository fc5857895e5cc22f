"""Every list of the API, walked from the routers: pages, totals, filters, order and choice of fields are alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Workspace
from accounts.tests.factories import make_invitation, make_user, make_workspace, signed_in
from mastablasta.core.api import pagination
from mastablasta.core.ids import new_id
from mastablasta.ops.root import ROUTERS
from tests.tenancy import OPERATIONS
from webhooks.tests.factories import make_endpoint

pytestmark = pytest.mark.django_db

MANY = 50


def lists() -> dict[str, Any]:
    """The viewset of each list with pages, by its path; of what stands under a thing, with `{id}`."""
    return {
        path.replace("<uuid:id>", "{id}"): viewset
        for router in ROUTERS
        for path, viewset in router.resources()
        if viewset.rows_name and hasattr(viewset, "list")
    }


def copies(of: models.Model, count: int, **changed: Callable[[int], Any]) -> None:
    """Rows like that one, in one statement. `changed`: by column, what differs from row to row."""
    rows = []
    for number in range(count):
        row = type(of)(**{field.attname: getattr(of, field.attname) for field in of._meta.concrete_fields})
        row.pk = new_id() if isinstance(of.pk, UUID) else None
        for name, value in changed.items():
            setattr(row, name, value(number))
        rows.append(row)
    type(of)._default_manager.bulk_create(rows)  # type: ignore[attr-defined]  # every model has one


def more_workspaces(workspace: Workspace, _: Any, count: int) -> None:
    membership = workspace.memberships.get()
    made = [Workspace(name=f"Workspace {number}") for number in range(count)]
    Workspace.objects.bulk_create(made)
    copies(membership, count, workspace_id=lambda number: made[number].id)


def more_members(workspace: Workspace, _: Any, count: int) -> None:
    people = [make_user() for _ in range(count)]
    copies(workspace.memberships.get(), count, user_id=lambda number: people[number].id)


def more_invitations(workspace: Workspace, _: Any, count: int) -> None:
    copies(workspace.invitations.get(), count, sha256=lambda number: f"{number:064x}")


def more_keys(_: Workspace, key: Any, count: int) -> None:
    from accounts.models import ApiKey

    copies(ApiKey.objects.get(id=key), count, sha256=lambda number: f"{number:064x}")


def more_accounts(_: Workspace, account: Any, count: int) -> None:
    from integrations.models import SocialAccount

    copies(
        SocialAccount.objects.get(id=account),
        count,
        remote_id=lambda number: f"remote-{number}",
        is_default=lambda _: False,
    )


def more_posts(_: Workspace, post: Any, count: int) -> None:
    from posts.models import Delivery, Post

    first = Post.objects.get(id=post)
    copies(first, count)
    delivery = first.deliveries.get()
    ids = list(Post.objects.filter(workspace=first.workspace).exclude(id=post).values_list("id", flat=True))
    copies(delivery, count, post_id=lambda number: ids[number])
    assert Delivery.objects.count() == count + 1


def more_attempts(_: Workspace, post: Any, count: int) -> None:
    from posts.models import Attempt

    at = timezone.now()
    copies(
        Attempt.objects.get(delivery__post=post), count,
        number=lambda number: number + 2, ended_at=lambda _: at, outcome=lambda _: "unavailable",
    )  # fmt: skip


def more_files(_: Workspace, asset: Any, count: int) -> None:
    from media_library.models import Asset

    copies(
        Asset.objects.get(id=asset), count,
        sha256=lambda number: f"{number:064x}", stored_name=lambda number: f"file-{number}",
    )  # fmt: skip


def more_renditions(_: Workspace, asset: Any, count: int) -> None:
    from media_library.models import Rendition

    copies(
        Rendition.objects.get(asset=asset), count,
        recipe_key=lambda number: f"key-{number}", stored_name=lambda number: f"rendition-{number}",
    )  # fmt: skip


def more_webhooks(workspace: Workspace, _: Any, count: int) -> None:
    for _number in range(count):
        make_endpoint(workspace=workspace)


def more_jobs(_: Workspace, job: Any, count: int) -> None:
    from posts.models import BulkJob

    copies(BulkJob.objects.get(id=job), count)


def more_alerts(_: Workspace, alert: Any, count: int) -> None:
    from analytics.models import MetricAlert

    copies(MetricAlert.objects.get(id=alert), count)


# How each list gets more rows; a new list is added here.
MORE: dict[str, Callable[[Workspace, Any, int], None]] = {
    "workspaces": more_workspaces,
    "workspaces/{id}/members": more_members,
    "workspaces/{id}/invitations": more_invitations,
    "auth/api-keys": more_keys,
    "accounts": more_accounts,
    "posts": more_posts,
    "posts/{id}/attempts": more_attempts,
    "media": more_files,
    "media/{id}/renditions": more_renditions,
    "search/posts": more_posts,
    "webhooks": more_webhooks,
    "bulk/jobs": more_jobs,
    "analytics/alerts": more_alerts,
}
LISTS = sorted(lists())


class List:
    """One list, with one row in it."""

    def __init__(self, path: str) -> None:
        operation = OPERATIONS[f"GET /{path}"]
        self.workspace = make_workspace()
        self.client: APIClient = signed_in(self.workspace.memberships.get().user)
        self.thing = operation.thing(self.workspace) if operation.thing else None
        if path.endswith("invitations"):
            make_invitation(self.workspace)
        self.path = path
        self.view = lists()[path]
        self.address = f"/api/v2/{path}".replace("{id}", str(self.thing)) + (operation.query or "?")

    @property
    def key(self) -> str:
        """The name of what tells its rows apart."""
        return {"renditions": "key", "members": "user_id"}.get(self.view.rows_name, "id")

    def ask(self, status: int = 200, /, **query: Any) -> dict[str, Any]:
        more = "".join(f"&{name}={value}" for name, value in query.items())
        answer = self.client.get(self.address + more)
        assert answer.status_code == status, (self.address + more, answer.content)
        told: dict[str, Any] = answer.json()
        return told

    def rows(self, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask(**query)[self.view.rows_name]
        return found

    def add(self, count: int) -> None:
        MORE[self.path](self.workspace, self.thing, count)


def test_every_list_is_walked() -> None:
    assert set(LISTS) == set(MORE), "add the list to MORE"
    assert len(LISTS) > 5


@pytest.mark.parametrize("path", LISTS)
def test_a_list_has_pages_and_a_total_in_its_envelope(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = List(path)
    name = listed.view.rows_name
    assert listed.ask().keys() == {name, "total", "limit", "offset", "next", "previous"}

    listed.add(4)
    whole = listed.rows()

    assert listed.ask()["total"] == len(whole) == 5
    assert [row for offset in range(5) for row in listed.rows(limit=1, offset=offset)] == whole
    page, by_cursor = listed.ask(limit=2, cursor=""), []
    assert page.keys() == {name, "limit", "next", "previous"}
    while page:
        by_cursor += page[name]
        page = listed.client.get(page["next"]).json() if page["next"] else {}
    assert by_cursor == whole
    monkeypatch.setattr(pagination, "TOTAL_CAP", 3)
    capped = listed.ask(limit=1)
    assert (capped["total"], capped["total_capped"]) == (3, True)


@pytest.mark.parametrize("path", LISTS)
def test_a_list_refuses_by_name_what_it_does_not_know(path: str) -> None:
    listed = List(path)
    described = listed.view.filterset_class.base_filters

    def refused(**query: Any) -> dict[str, Any]:
        [fault] = listed.ask(400, **query)["errors"]
        assert fault["field"] == next(iter(query))
        return dict(fault)

    valid = refused(colour="red")["params"]["valid"]
    assert {"limit", "offset", "cursor", "fields", "ordering"} <= set(valid)
    assert set(described) <= set(valid)
    for name in described:
        offered = described[name].extra.get("offered")
        if offered:
            assert set(refused(**{name: "nonsense"})["params"]["valid"]) == set(offered)
            assert set(offered) <= set(refused(**{name: "nonsense"})["message"].replace(",", " ").rstrip(".").split())
    for name, value in {"limit": 0, "offset": -1, "cursor": "nonsense"}.items():
        refused(**{name: value})


@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_ordered_by_what_it_offers(path: str) -> None:
    listed = List(path)
    listed.add(3)
    name = listed.key
    ids = {row[name] for row in listed.rows()}

    for ordering in listed.view.filterset_class.base_filters["ordering"].extra["offered"]:
        whole = listed.rows(ordering=ordering)
        assert {row[name] for row in whole} == ids, ordering
        if ordering != "relevance":
            first = listed.ask(ordering=ordering, limit=2, cursor="")
            rest = listed.client.get(first["next"]).json()
            assert [*first[listed.view.rows_name], *rest[listed.view.rows_name]] == whole, ordering


@pytest.mark.parametrize("path", LISTS)
def test_a_list_and_its_single_rows_show_the_fields_that_are_chosen(path: str) -> None:
    listed = List(path)
    [whole] = listed.rows()
    key = listed.key

    assert listed.rows(fields=key) == [{key: whole[key]}]
    assert listed.rows(fields=",".join(whole)) == [whole]
    for name in whole:
        assert list(listed.rows(fields=f"{name},{key}")[0]) == list(dict.fromkeys([name, key]))
    [fault] = listed.ask(400, fields=f"{key},colour")["errors"]
    assert (fault["code"], set(fault["params"]["valid"])) == ("unknown_field", set(whole))
    if hasattr(listed.view, "retrieve") and "{id}" not in path:
        one = f"/api/v2/{path}/{whole[key]}"
        single = listed.client.get(one).json()
        assert listed.client.get(f"{one}?fields={key}").json() == {key: whole[key]}
        assert listed.client.get(f"{one}?fields={','.join(single)}").json() == single
        assert listed.client.get(f"{one}?fields=colour").status_code == 400


@pytest.mark.parametrize("path", LISTS)
def test_a_list_takes_as_many_statements_for_fifty_rows_as_for_one(path: str) -> None:
    listed = List(path)

    def statements() -> int:
        with CaptureQueriesContext(connection) as found:
            assert listed.rows(limit=200)
        return len(found)

    assert listed.rows()  # some ask once in a while what PostgreSQL has counted
    one = statements()
    listed.add(MANY - 1)

    assert len(listed.rows(limit=200)) == MANY
    assert statements() == one
