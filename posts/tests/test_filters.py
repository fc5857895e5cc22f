"""GET /posts: filters, order and choice of fields, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.tests.factories import make_member
from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from posts.models import Post, PostTag
from posts.tests.factories import make_delivery, make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("account")]

NINE = datetime(2026, 3, 28, 9, tzinfo=UTC)


def found(client: APIClient, query: str) -> list[str]:
    """The contents of the posts that the query finds, in order."""
    answer = client.get(f"/api/v2/posts?{query}")
    assert answer.status_code == 200, answer.content
    return [row["content"] for row in answer.json()["posts"]]


def refused(client: APIClient, query: str) -> list[tuple[str, str]]:
    answer = client.get(f"/api/v2/posts?{query}")
    assert answer.status_code == 400, answer.content
    return [(fault["field"], fault["code"]) for fault in answer.json()["errors"]]


def write(account: SocialAccount, content: str, **columns: Any) -> Post:
    """A post with these columns, whatever the services would say."""
    post = make_post(accounts=[account], content=content)
    Post.objects.filter(id=post.id).update(**columns)
    return post


def test_platforms_count_also_where_no_account_was_connected(client: APIClient, account: SocialAccount) -> None:
    write(account, "mastodon")
    Post.objects.create(workspace=account.workspace, content="bluesky", wanted_platforms=["bluesky"])
    Post.objects.create(workspace=account.workspace, content="none")

    assert found(client, "platform=mastodon") == ["mastodon"]
    assert found(client, "platform=bluesky") == ["bluesky"]
    assert sorted(found(client, "platform=bluesky&platform=mastodon")) == ["bluesky", "mastodon"]
    assert found(client, "platform=twitter") == []


def test_accounts_authors_types_and_tags(client: APIClient, account: SocialAccount) -> None:
    other = make_account(workspace=account.workspace, handle="other", is_default=False)
    author = make_member(account.workspace)
    both = make_post(accounts=[account, other], content="both")
    write(other, "one", author=author, post_type="thread")
    PostTag.objects.bulk_create([PostTag(post=both, name="news"), PostTag(post=both, name="50%")])

    assert found(client, f"account={account.id}") == ["both"]
    assert found(client, f"account={other.id}&account={account.id}") == ["one", "both"]
    assert found(client, f"account={uuid4()}") == []
    assert found(client, f"author={author.id}") == ["one"]
    assert found(client, "post_type=thread&post_type=article") == ["one"]
    assert found(client, "tag=news") == found(client, "tag=50%25&tag=none") == ["both"]
    assert found(client, "tag=new") == found(client, f"tag=news&account={uuid4()}") == []


def test_words_are_searched_as_search_does(client: APIClient, account: SocialAccount) -> None:
    for content in ("Good Morning Berlin", "good evening", "100% sure", "Übung"):
        write(account, content)

    assert sorted(found(client, "q=GOOD")) == ["Good Morning Berlin", "good evening"]
    assert found(client, "q=berlin+good") == ["Good Morning Berlin"]
    assert found(client, "q=100%25") == ["100% sure"]
    assert found(client, "q=UBUNG") == ["Übung"]
    assert len(found(client, "q=")) == 4


@pytest.mark.parametrize(
    ("query", "content"),
    [
        ("übung", "ÜBUNG macht den Meister"),
        ("ÜBUNG", "eine übung"),
        ("straße", "die Straße"),
        ("ΚΑΛΗΜΕΡΑ", "καλημερα"),
        ("σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("привет", "ПРИВЕТ"),
        ("猫", "吾輩は猫である"),
        ("ね", "そうだね"),
    ],
)
def test_words_are_found_in_every_script(client: APIClient, account: SocialAccount, query: str, content: str) -> None:
    write(account, content)
    write(account, "something else, 100 times")

    assert found(client, f"q={quote(query)}") == [content]


@pytest.mark.parametrize(
    ("query", "contents"),
    [
        ("scheduled_from=2026-03-28T09:00:00Z", ["nine", "ten"]),
        ("scheduled_from=2026-03-28T10:00:00%2B01:00&scheduled_to=2026-03-28T09:00:00Z", ["nine"]),
        ("scheduled_to=2026-03-28T10:00:00&timezone=Europe/Berlin", ["nine"]),
        ("scheduled_from=2026-03-28&scheduled_to=2026-03-28&timezone=Europe/Berlin", ["nine", "ten"]),
        ("scheduled_from=2026-03-29&timezone=Europe/Berlin", []),
        ("scheduled_to=2026-03-27&timezone=Europe/Berlin", []),
        ("scheduled_from=2026-03-28&scheduled_to=2026-03-28&timezone=Pacific/Kiritimati", ["nine"]),
        ("created_from=2026-03-27T00:00:00Z&created_to=2026-03-27T00:00:00Z", ["draft", "nine", "ten"]),
        ("published_from=2026-01-01T00:00:00Z", ["ten"]),
    ],
)
def test_spans_hold_both_their_ends(client: APIClient, account: SocialAccount, query: str, contents: list[str]) -> None:
    write(account, "nine", scheduled_at=NINE)
    write(account, "ten", scheduled_at=NINE + timedelta(hours=1), published_at=NINE)
    write(account, "draft")
    Post.objects.update(created_at=NINE - timedelta(days=1, hours=9))

    assert sorted(found(client, query)) == contents


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("status=gone", [("status", "invalid_choice")]),
        ("platform=myspace", [("platform", "invalid_choice")]),
        ("account=5", [("account", "invalid")]),
        ("author=me", [("author", "invalid")]),
        ("post_type=poem", [("post_type", "invalid_choice")]),
        ("tag=%00", [("tag", "nul_character")]),
        ("q=ab*", [("q", "prefix_too_short")]),
        ("q=" + "a" * 1001, [("q", "max_length")]),
        ("q=%00%00", [("q", "nul_character")]),
        ("q=ab&q=cd", [("q", "max_length")]),
        ("tag=x&" * 101, [("tag", "max_length")]),
        ("created_from=yesterday", [("created_from", "invalid")]),
        ("created_from=2026-02-30T00:00:00Z", [("created_from", "invalid")]),
        ("created_from=2026-02-30&timezone=UTC", [("created_from", "invalid")]),
        ("created_from=2026-01-01T00:00:00", [("created_from", "no_offset")]),
        ("created_to=9999-12-31&timezone=UTC", [("created_to", "overflow")]),
        ("created_to=2026-03-29T02:30:00&timezone=Europe/Berlin", [("created_to", "skipped")]),
        ("published_from=2026-01-02T00:00:00Z&published_to=2026-01-01T00:00:00Z", [("published_to", "before_from")]),
        ("timezone=Mars/Olympus", [("timezone", "unknown_zone")]),
        ("ordering=colour", [("ordering", "invalid_choice")]),
        ("fields=id,colour", [("fields", "unknown_field")]),
        ("fields=id,", [("fields", "unknown_field")]),
        ("status=gone&account=5", [("status", "invalid_choice"), ("account", "invalid")]),
        ("has_media=yes", [("has_media", "invalid_choice")]),
    ],
)
def test_a_bad_value_names_its_parameter(client: APIClient, query: str, faults: list[tuple[str, str]]) -> None:
    assert refused(client, query) == faults


def test_a_fault_tells_what_is_valid(client: APIClient) -> None:
    [fault] = client.get("/api/v2/posts?ordering=colour").json()["errors"]

    assert fault["params"]["valid"][:2] == ["created_at", "-created_at"]
    assert "'colour'" in fault["message"]


@pytest.fixture
def five(account: SocialAccount) -> None:
    """Three scheduled posts, two of them for the same moment, and two drafts."""
    for number, hour in enumerate((2, 1, None, 2, None)):
        scheduled_at = None if hour is None else NINE + timedelta(hours=hour)
        write(account, str(number), scheduled_at=scheduled_at, created_at=NINE + timedelta(minutes=number))


ORDERS = {
    "created_at": "01234",
    "-created_at": "43210",
    "scheduled_time": "10324",
    "-scheduled_time": "30142",
}


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize("ordering", ORDERS)
def test_order_puts_what_has_no_time_last(client: APIClient, ordering: str) -> None:
    assert "".join(found(client, f"ordering={ordering}")) == ORDERS[ordering]


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize("ordering", ORDERS)
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_by_cursor_follow_the_order_there_and_back(client: APIClient, ordering: str, limit: int) -> None:
    pages, links = [], [f"/api/v2/posts?ordering={ordering}&limit={limit}&cursor="]
    while links[-1]:
        page = client.get(links[-1]).json()
        pages.append("".join(row["content"] for row in page["posts"]))
        links.append(page["next"])

    assert "".join(pages) == ORDERS[ordering]
    back, link = [], client.get(links[-2]).json()["previous"]
    while link:
        page = client.get(link).json()
        back.append("".join(row["content"] for row in page["posts"]))
        link = page["previous"]
    assert "".join(reversed(back)) == ORDERS[ordering][: -len(pages[-1])]


def test_fields_are_those_asked_for(client: APIClient, account: SocialAccount) -> None:
    post = write(account, "Hello")

    [whole] = client.get("/api/v2/posts?fields=").json()["posts"]
    [row] = client.get("/api/v2/posts?fields=status,id,status").json()["posts"]

    assert row == {"status": "draft", "id": str(post.id)}
    assert whole.keys() > row.keys()


@pytest.mark.parametrize("rows", [1, 50])
def test_every_filter_at_once_takes_the_same_few_queries(
    client: APIClient, account: SocialAccount, rows: int, django_assert_max_num_queries: Any
) -> None:
    at = timezone.now()
    for _ in range(rows):
        delivery = make_delivery(account, due_at=at)
        PostTag.objects.create(post=delivery.post, name="news")
    query = (
        f"status=scheduled&platform=mastodon&account={account.id}&tag=news&q=hello&ordering=-scheduled_time"
        "&scheduled_from=2026-01-01&created_from=2026-01-01&timezone=Europe/Berlin&post_type=standard"
    )

    with django_assert_max_num_queries(4):  # sign-in, page, count, what belongs to the posts
        assert len(found(client, query)) == rows


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("cafe\u0301", "caf\u00e9"),
        ("caf\u00e9", "caf\u00e9"),
        ("u\u0308ber", "\u00fcber"),
        ("\u212bngstrom", "\u00c5ngstrom"),
    ],
)
def test_tag_in_another_spelling_is_the_same(client: APIClient, given: str, stored: str) -> None:
    made = client.post("/api/v2/posts", {"content": "tagged", "tags": [given, stored]})

    assert made.json()["tags"] == [stored]
    assert found(client, f"tag={quote(given)}") == found(client, f"tag={quote(stored)}") == ["tagged"]
