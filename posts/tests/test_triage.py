"""Triage in Django admin: what needs a person, by cause, and what is done about it from there."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Workspace
from accounts.roles import Role, SiteRole
from accounts.tests.factories import browser_of, make_membership, make_user
from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from mastablasta.core.ids import new_id
from posts.admin import acting
from posts.models import Attempt, Delivery, Post
from posts.queue import claims
from posts.services import bulk_actions
from posts.services.bulk_actions import BulkAction
from posts.tests.factories import NOON, make_delivery, make_post

pytestmark = pytest.mark.django_db
OVERVIEW, ACT = "/admin/triage/", "/admin/triage/act/"
CANARY = "canary-51c9"
FAILED: dict[str, Any] = {
    "state": "failed", "error_code": "timed_out", "error_message": "No answer.", "error_retryable": True,
}  # fmt: skip
REFUSED: dict[str, Any] = {"state": "rejected", "error_code": "too_long", "error_message": "Too long."}
UNCONFIRMED: dict[str, Any] = {
    "state": "unconfirmed", "sent_at": NOON, "doubted_at": NOON, "error_code": "timed_out", "progress": {"key": CANARY},
}  # fmt: skip
HELD: dict[str, Any] = {"state": "held", "error_code": "missed", "error_message": "It was due yesterday."}


def client_of(role: SiteRole = SiteRole.ADMIN) -> Client:
    return browser_of(make_user(site_role=role))


def stuck(account: SocialAccount | None = None, /, **fields: Any) -> Delivery:
    """A delivery that stands still, with its post's status as the engine leaves it."""
    delivery = make_delivery(account, **fields)
    claims.recompute_post_status([delivery.post_id], at=NOON)
    return delivery


def text_of(response: Any) -> str:
    """What a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def held_in(response: Any) -> str:
    found = re.search(r'name="held" value="([^"]+)"', response.content.decode())
    assert found is not None, text_of(response)
    return found[1]


def look(client: Client, action: str, deliveries: list[Delivery], **fields: Any) -> Any:
    return client.post(ACT, {"action": action, "picked": [str(one.id) for one in deliveries], **fields})


def confirm(client: Client, seen: Any, **fields: Any) -> Any:
    return client.post(ACT, {"held": held_in(seen), **fields}, follow=True)


def states() -> dict[Any, str]:
    return dict(Delivery.objects.values_list("id", "state"))


def queries(work: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as found:
        assert work().status_code == 200
    return len(found)


def test_what_needs_a_person_is_gathered_by_its_cause() -> None:
    client = client_of()
    assert "All is well" in text_of(client.get(OVERVIEW))
    first, second = make_account(), make_account()
    for account, fields in ((first, FAILED), (first, FAILED), (second, FAILED), (first, HELD), (second, UNCONFIRMED)):
        stuck(account, **fields)
    stuck(first)  # waits for its time: nobody's business
    gone, closed = stuck(first, **FAILED), stuck(**FAILED)
    Post.objects.filter(id=gone.post_id).update(deleted_at=NOON)
    Workspace.objects.filter(id=closed.workspace_id).update(deleted_at=NOON)

    page = client.get(OVERVIEW)

    counted = [(one["name"], one["group"].count, one["group"].accounts) for one in page.context["groups"]]
    assert counted[0] == ("Failed: timed out (Mastodon)", 3, 2)
    assert sorted(counted[1:]) == [
        ("Held: missed (Mastodon)", 1, 1), ("Unconfirmed: timed out (Mastodon)", 1, 1)
    ]  # fmt: skip
    group = client.get(page.context["groups"][0]["address"])
    assert (len(group.context["rows"]), [share.count for share in group.context["accounts"]]) == (3, [2, 1])
    own = client.get(f"{page.context['groups'][0]['address']}&account={first.id}")
    assert {row.account_id for row in own.context["rows"]} == {first.id}
    for shown in (page, group):
        assert "script-src 'self'; style-src 'self';" in shown.headers["Content-Security-Policy"]
        assert re.findall(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", shown.content.decode()) == []


def test_pages_of_a_group_hold_each_row_once_and_cost_the_same_however_many() -> None:
    client, account = client_of(), make_account()
    stuck(account, **FAILED)
    make_account(workspace=account.workspace, state="needs_reauth")
    address = f"{OVERVIEW}group/?state=failed&code=timed_out&platform=mastodon"
    client.get(OVERVIEW)
    few = [queries(lambda: client.get(OVERVIEW)), queries(lambda: client.get(address))]
    template = Delivery.objects.get()
    posts = Post.objects.bulk_create(Post(workspace=account.workspace, content=str(n)) for n in range(119))
    fields = {name: getattr(template, name) for name in (*FAILED, "workspace_id", "account_id", "platform", "due_at")}
    Delivery.objects.bulk_create(Delivery(post=post, **fields) for post in posts)
    for _ in range(5):
        make_account(state="needs_reauth")

    many = [queries(lambda: client.get(OVERVIEW)), queries(lambda: client.get(address))]
    pages = [client.get(address)]
    while pages[-1].context["next"]:
        pages.append(client.get(address, {"after": pages[-1].context["next"]} | _query(address)))

    assert many == few
    ids = [row.id for page in pages for row in page.context["rows"]]
    assert (len(pages), len(ids), len(set(ids))) == (3, 120, 120)


def _query(address: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in address.partition("?")[2].split("&"))


def test_retry_shows_first_what_it_does_and_does_just_that() -> None:
    client = client_of()
    failed, refused, doubtful = [stuck(**FAILED) for _ in range(2)], stuck(**REFUSED), stuck(**UNCONFIRMED)
    other = stuck(**FAILED)  # of another workspace, and not picked
    before = states()

    seen = look(client, "retry", [*failed, refused, doubtful])
    assert states() == before
    done = confirm(client, seen)

    sentence = "Retries 2 that were not sent; 1 refused as written, 1 unconfirmed are left out."
    assert seen.context["sentence"] == sentence
    assert "Edit the post before you retry it." in text_of(seen)
    assert "Retried: 2." in text_of(done)
    assert states() == {**before, **{one.id: "queued" for one in failed}}
    assert {other.id, doubtful.id}.isdisjoint(one.id for one in Delivery.objects.exclude(released_at=None))
    assert not Attempt.objects.exists()
    assert CANARY not in seen.content.decode() + done.content.decode()


def test_what_changed_since_the_preview_is_left_out_and_said() -> None:
    client = client_of()
    first, second = stuck(**FAILED), stuck(**FAILED)
    seen = look(client, "retry", [first, second])
    doubt = {"state": "published", "remote_id": "7", "published_at": NOON}
    Delivery.objects.filter(id=second.id).delete()
    make_again = Delivery(**{**_fields(second), **doubt, "error_code": ""})
    make_again.save(force_insert=True)

    done, again = confirm(client, seen), confirm(client, seen)

    assert "Retried: 1. Left out, as things are now: 1. This post is" in text_of(done)
    assert "Left out, as things are now: 2. This post is" in text_of(again)
    assert states() == {first.id: "queued", second.id: "published"}


def _fields(delivery: Delivery) -> dict[str, Any]:
    return {field.attname: getattr(delivery, field.attname) for field in Delivery._meta.fields}


def test_what_is_done_at_once_is_bounded_and_the_rest_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """In several transactions, of which none splits a post."""
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 2)
    monkeypatch.setitem(acting.MOST, BulkAction.CANCEL, 6)
    client, account = client_of(), make_account()
    others = [make_account(workspace=account.workspace) for _ in range(2)]
    for number in range(3):
        post = make_post(accounts=[account, *others], workspace=account.workspace, content=str(number))
        post.deliveries.all().delete()
        fields = {"workspace": account.workspace, "platform": "mastodon", "due_at": NOON, **FAILED}
        Delivery.objects.bulk_create(Delivery(post=post, account=one, **fields) for one in (account, *others))

    cause = {"state": "failed", "code": "timed_out", "platform": "mastodon"}
    seen = client.post(ACT, {"action": "cancel", "scope": "group", **cause})
    done = confirm(client, seen)

    assert seen.context["sentence"] == "Cancels 6."
    assert "3 more than are done at once stay as they are" in text_of(seen)
    assert "Cancelled: 6." in text_of(done)
    assert seen.context["report"].moved_along + 6 == list(states().values()).count("cancelled")


def test_a_whole_group_is_acted_on_and_nothing_else() -> None:
    client, account = client_of(), make_account()
    failed = [stuck(account, **FAILED) for _ in range(3)]
    others = [stuck(**FAILED), stuck(account, **HELD)]
    cause = {"state": "failed", "code": "timed_out", "platform": "mastodon", "account": str(account.id)}

    seen = client.post(ACT, {"action": "cancel", "scope": "group", **cause})
    confirm(client, seen)

    assert seen.context["sentence"] == "Cancels 3."
    assert states() == {**{one.id: "cancelled" for one in failed}, **{one.id: one.state for one in others}}


@pytest.mark.parametrize(
    ("action", "fields", "state", "sentence"),
    [
        ("reschedule", HELD, "queued", "Sends 1 at 2030-01-31 09:00 UTC."),
        ("publish", HELD, "queued", "Publishes 1 now."),
        ("published", UNCONFIRMED, "published", "Notes of 1 that it is published."),
        ("not_published", UNCONFIRMED, "failed", "Notes of 1 that it is not published."),
        ("cancel", UNCONFIRMED, "unconfirmed", "Cancels 0; 1 unconfirmed is left out."),
        ("publish", UNCONFIRMED, "unconfirmed", "Publishes 0 now; 1 under way is left out."),
        ("reschedule", UNCONFIRMED, "unconfirmed", "Sends 0 at 2030-01-31 09:00 UTC; 1 unconfirmed is left out."),
        ("retry", UNCONFIRMED, "unconfirmed", "Retries 0 that were not sent; 1 unconfirmed is left out."),
        ("published", FAILED, "failed", "Notes of 0 that they are published; 1 not unconfirmed is left out."),
    ],
)
def test_each_action_says_and_does_what_the_api_would(
    action: str, fields: dict[str, Any], state: str, sentence: str
) -> None:
    client, delivery, other = client_of(), stuck(**fields), stuck(**fields)

    seen = look(client, action, [delivery], scheduled_at="2030-01-31T09:00")
    if state != fields["state"]:
        confirm(client, seen, **{f"url-{delivery.id}": "https://mastodon.test/@ada/7"})

    assert seen.context["sentence"] == sentence
    delivery.refresh_from_db()
    assert states() == {delivery.id: state, other.id: fields["state"]}
    assert delivery.url == ("https://mastodon.test/@ada/7" if state == "published" else "")
    assert (delivery.resolved_by is not None) == (state == "published")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"action": "explode"}, "Choose what is to be done."),
        ({"action": "reschedule", "scheduled_at": "soon"}, "Give the other time, in UTC."),
        ({"action": "reschedule", "scheduled_at": "2020-01-31T09:00"}, "in the past"),
        ({"action": "retry", "picked": "x"}, "Nothing was picked."),
        ({"held": "forged"}, "looked at too long ago"),
    ],
)
def test_what_cannot_be_done_is_said(fields: dict[str, str], words: str) -> None:
    assert words in text_of(client_of().post(ACT, {"back": OVERVIEW, **fields}, follow=True))


def test_a_preview_costs_the_same_for_one_and_for_thirty() -> None:
    client, account = client_of(), make_account()
    deliveries = [stuck(account, **FAILED) for _ in range(30)]
    look(client, "retry", deliveries[:1])

    counts = [queries(lambda many=many: look(client, "retry", deliveries[:many])) for many in (1, 30)]  # type: ignore[misc]

    assert counts[0] == counts[1]


def test_page_of_a_delivery_tells_what_was_tried_and_what_helps() -> None:
    client, delivery = client_of(), stuck(**UNCONFIRMED, lease_token=None)
    for number, fields in enumerate(
        (
            {"ended_at": NOON + timedelta(seconds=1.25), "outcome": "unknown", "http_status": 502, "code": "gateway",
             "message": "Bad <gateway>", "request_id": "r-77", "sent_at": NOON},
            {"kind": "reconcile"},
        ), 1,
    ):  # fmt: skip
        own = {"kind": "send", "started_at": NOON, "lease_token": new_id(), "worker": "w1", **fields}
        Attempt.objects.create(delivery=delivery, number=number, **own)

    page = client.get(f"/admin/posts/delivery/{delivery.id}/change/")

    text = text_of(page)
    assert "2 Ask whether it is out 2026-11-23 12:00:00 under way" in text
    assert "1 Send; may have become visible 2026-11-23 12:00:00 1.25 s No trustworthy answer 502 gateway Bad" in text
    for words in (
        "Until then nothing is sent again.",
        "timed_out in general: the platform could not be reached",
        "docs.joinmasto",
        "r-77",
    ):
        assert words in text
    links = page.content.decode()
    for address in (f"posts/post/{delivery.post_id}/", f"integrations/socialaccount/{delivery.account_id}/"):
        assert f"/admin/{address}change/" in links
    tokens = [str(one) for one in Attempt.objects.values_list("lease_token", flat=True)]
    assert [secret for secret in (CANARY, *tokens) if secret in links] == []


def test_posts_are_found_by_platform_and_by_who_wrote_them() -> None:
    ada, client = make_user(email="ada@example.test"), client_of()
    mastodon = make_post(content="toot")
    bluesky = make_post(content="skeet", accounts=[make_account(platform="bluesky")], author=ada)
    waiting = make_post(content="later", accounts=[], workspace=bluesky.workspace, wanted_platforms=["bluesky"])

    def found(**by: str) -> set[Any]:
        return {post.pk for post in client.get("/admin/posts/post/", by).context["cl"].result_list}

    assert found(platform="bluesky") == {bluesky.pk, waiting.pk}
    assert found(platform="mastodon") == {mastodon.pk}
    assert found(author=str(ada.pk)) == {bluesky.pk}
    assert found(author=str(bluesky.pk)) == set()


def test_posts_show_how_far_they_are_and_what_each_platform_would_get() -> None:
    client, failed = client_of(), stuck(content="Good <morning>", **FAILED)
    listed = client.get("/admin/posts/post/")
    page = client.get(f"/admin/posts/post/{failed.post_id}/change/")

    assert "Mastodon 1 failed" in text_of(listed)
    [shown] = page.context["previews"]
    assert (shown.handle, [part.text for part in shown.preview.parts]) == (failed.account.handle, ["Good <morning>"])
    assert "14 of 500 characters" in text_of(page)


def test_actions_of_the_list_show_first_what_they_would_do() -> None:
    client, chosen, other = client_of(), stuck(**FAILED), stuck(**FAILED)

    seen = client.post("/admin/posts/delivery/", {"action": "retry", "_selected_action": [str(chosen.id)]})
    confirm(client, seen)

    assert seen.context["sentence"] == "Retries 1 that was not sent."
    assert states() == {chosen.id: "queued", other.id: "failed"}


def test_people_with_staff_access_see_and_move_what_is_theirs_alone() -> None:
    """A viewer of a workspace moves nothing there; what is elsewhere does not even count."""
    person = make_user(has_staff_access=True)
    mine, seen_only, foreign = stuck(**FAILED), stuck(**FAILED), stuck(**FAILED)
    make_membership(person, mine.workspace, role=Role.EDITOR)
    make_membership(person, seen_only.workspace, role=Role.VIEWER)
    client = browser_of(person)

    page = client.get(OVERVIEW)
    group = client.get(page.context["groups"][0]["address"])
    seen = look(client, "retry", [mine, seen_only, foreign])
    confirm(client, seen)
    whole = client.post(ACT, {"action": "retry", "scope": "group", **_query(page.context["groups"][0]["address"])})

    assert page.context["groups"][0]["group"].count == 2
    assert {row.id for row in group.context["rows"]} == {mine.id, seen_only.id}
    sentence = "Retries 1 that was not sent; 1 not yours to change, 1 deleted are left out."
    assert seen.context["sentence"] == sentence
    assert whole.status_code == 302  # nothing of theirs is left in it
    assert states() == {mine.id: "queued", seen_only.id: "failed", foreign.id: "failed"}


def test_nobody_else_gets_there() -> None:
    delivery = stuck(**FAILED)
    for client in (Client(), client_of(SiteRole.EDITOR)):
        for answer in (client.get(OVERVIEW), look(client, "retry", [delivery])):
            assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/admin/login/")
    assert states() == {delivery.id: "failed"}
