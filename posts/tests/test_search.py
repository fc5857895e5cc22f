"""GET /search/posts over HTTP: one corpus, the same answers on both databases."""

# ruff: noqa: RUF001  texts in many scripts
from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Membership, Workspace
from accounts.tests.factories import make_workspace
from integrations.tests.factories import make_account
from mastablasta.core.api.first_pages import ListOf
from mastablasta.core.api.keyset import Keyset
from media_library.tests.factories import make_asset
from posts.api.found_pages import pages_of
from posts.models import Post, PostMedia, PostSearch, PostTag
from posts.search import common_words
from posts.search.fts5 import FEW
from posts.search.index import month_of, month_token, workspace_token
from posts.search.matching import matching
from posts.search.queries import Unreadable, parse
from posts.tests.factories import make_post

pytestmark = pytest.mark.django_db

CORPUS: dict[str, dict[str, Any]] = {
    "morning": {"content": "Good morning from the harbour! Coffee is ready."},
    "night": {"content": "Good night, harbour. No coffee now; tea."},
    "lodz": {"content": "Łódź und Übung: ÉTÉ à la plage, naïve café"},
    "tokyo": {"content": "東京タワーに行く、きれい"},
    "seoul": {"content": "서울에서 만나요"},
    "party": {"content": "🎉 party 👩🏽‍🚀 #SummerSale #2026goals"},
    "link": {"content": "Read https://example.com/blog/post-1?utm=x now"},
    "greek": {"content": "ΣΊΣΥΦΟΣ και ὁ λίθος"},
    "code": {"content": "C++ or C#? it's 1.5 kg, e-mail me@example.org"},
    "thread": {"content": "First part", "thread": ["First part", "Second chapter about whales"]},
    "comment": {"content": "Look below", "first_comment": "Details about dolphins"},
    "override": {"content": "General words", "overrides": {"mastodon": {"content": "Special penguin words"}}},
    "tagged": {"content": "Nothing to see", "tags": ["Autumn Market", "news"]},
    "two": {"content": "We go to AI at 5"},
}
FOUND: dict[str, set[str]] = {
    "good": {"morning", "night"},
    "GOOD harbour": {"morning", "night"},
    '"good morning"': {"morning"},
    '"morning good"': set(),
    "good -coffee": set(),
    "good -morning": {"night"},
    "morning or tea": {"morning", "night"},
    "morning or tea coffee": {"morning", "night"},
    "tea or whales or nothing": {"night", "thread", "tagged"},
    "lodz": {"lodz"},
    "übung": {"lodz"},
    "ubung ete plage": {"lodz"},
    "NAIVE CAFE": {"lodz"},
    "東京": {"tokyo"},
    "タワー": {"tokyo"},
    "京": {"tokyo"},
    "京東": set(),
    "서울": {"seoul"},
    "만나": {"seoul"},
    "🎉": {"party"},
    "👩‍🚀": {"party"},
    "#summersale": {"party"},
    "2026goals": {"party"},
    "example.com": {"link"},
    "https://example.com/blog/post-1?utm=x": {"link"},
    "example": {"link", "code"},
    "post-1": {"link"},
    "σίσυφος": {"greek"},
    "ο λιθος": {"greek"},
    "c": {"code"},
    "c++": {"code"},
    "1.5": {"code"},
    "me@example.org": {"code"},
    "it's": {"code"},
    "ai": {"two"},
    "5": {"code", "two"},
    "we go": {"two"},
    "whales": {"thread"},
    '"part second"': set(),
    "dolphins": {"comment"},
    "penguin": {"override"},
    '"words special"': set(),
    '"autumn market"': {"tagged"},
    '"market news"': set(),
    "harb*": {"morning", "night"},
    "sec* -part": set(),
    "xyz*": set(),
    "-good -harbour -coffee": set(CORPUS) - {"morning", "night"},
    "whales or -good": set(CORPUS) - {"morning", "night"},
    "good or -good": set(CORPUS),
    '"good morn': set(),
    '"good morning': {"morning"},
    "'; DROP TABLE posts_post; --": set(),
    "NEAR(good coffee)": set(),
    "content:good": set(),
    "good & morning | night": set(),
    "!!! ??? ---": set(),
    "w" + "0" * 32: set(),
    "¶": set(),
}


def write_corpus(workspace: Workspace) -> None:
    for name, columns in CORPUS.items():
        texts = {column: value for column, value in columns.items() if column != "tags"}
        post = Post.objects.create(workspace=workspace, post_options={"name": name}, **texts)
        PostTag.objects.bulk_create(PostTag(post=post, name=tag) for tag in columns.get("tags", ()))


def search(client: APIClient, query: str) -> dict[str, Any]:
    answer = client.get(f"/api/v2/search/posts?{query}")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def contents(client: APIClient, query: str) -> list[str]:
    return [row["content"] for row in search(client, query)["posts"]]


def test_corpus(workspace: Workspace) -> None:
    write_corpus(workspace)
    write_corpus(make_workspace())  # nothing of it is ever found

    posts = Post.objects.filter(workspace=workspace)
    found = {
        query: {options["name"] for options in rows.values_list("post_options", flat=True)}
        for query in FOUND
        for rows in [matching(posts, parse(query), workspace=workspace.id)]
    }

    assert found == FOUND


def test_corpus_by_pages_where_every_word_is_common(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    write_corpus(workspace)
    write_corpus(make_workspace())
    monkeypatch.setattr("posts.search.matching.is_common", lambda *_, **__: True)

    for query, wanted in FOUND.items():
        posts = Post.objects.in_workspace(workspace)
        rows = matching(posts, parse(query), workspace=workspace.id).order_by("-created_at", "-id")
        assert {options["name"] for options in rows.values_list("post_options", flat=True)[:100]} == wanted, query
        assert rows.count() == len(wanted), query


def test_pages_of_what_is_found_are_parts_of_the_whole_whenever_posts_were_made(workspace: Workspace) -> None:
    """Posts of one moment, of nearly one, some written later than they were made, some moved in time, some deleted."""
    chance, moment = Random(5), datetime(2026, 5, 1, 8, tzinfo=UTC)
    times = [moment + timedelta(microseconds=at) for at in (0, 0, 0, 1, 40, 99, 101, 5_000, 7_000_000)]
    for owner in (workspace, make_workspace()):
        Post.objects.bulk_create(
            Post(
                workspace=owner,
                content=" ".join(chance.sample(("tea", "coffee", "milk"), 2)),
                status=chance.choice(("draft", "published")),
                created_at=chance.choice(times),
                deleted_at=None if chance.random() < 0.9 else moment,
            )
            for _ in range(80)
        )
    for post in Post.objects.order_by("id")[::5]:
        Post.objects.filter(id=post.id).update(created_at=chance.choice(times))
    kept = Post.objects.in_workspace(workspace).kept()
    some = kept.filter(status="draft", created_at__gte=times[4])
    ends = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]

    for query in ("tea", "-tea", "milk -cof*"):
        for posts in (kept, some, kept.filter(created_at__gt=ends[0], created_at__lt=ends[1])):
            found = matching(posts, parse(query), workspace=workspace.id).order_by("-created_at", "-id")
            wanted = [(post.created_at, post.id) for post in found]
            assert wanted == sorted(wanted, reverse=True)
            assert len(wanted) > 3
            for limit in (6, 50):
                there, back = walked(found, limit)
                assert there == back == wanted, (query, limit)
    newest = [post.id for post in kept.filter(content__contains="tea").order_by("-created_at", "-id")]
    rows, total = _first_pages(workspace, "tea").first(5, counted_to=10)
    assert ([row.id for row in rows], total) == (newest[:5], 10)


def walked(found: QuerySet[Post], limit: int) -> tuple[list[Any], list[Any]]:
    """All that is found, by pages to the end, and by pages back from there."""
    keyset = Keyset.of(found)
    pages = [keyset.page("", limit=limit)]
    while pages[-1].next:
        pages.append(keyset.page(pages[-1].next, limit=limit))
    back = [pages[-1]]
    while back[0].previous:
        back.insert(0, keyset.page(back[0].previous, limit=limit))
    return tuple([(row.created_at, row.id) for page in way for row in page.rows] for way in (pages, back))


def _first_pages(workspace: Workspace, text: str) -> ListOf:
    found = pages_of(parse(text), workspace=workspace.id, is_counted=True, filters={})
    assert found is not None
    return found


@pytest.mark.skipif(connection.vendor != "sqlite", reason="how much SQLite reads")
def test_a_page_costs_the_same_however_much_is_found(client: APIClient, workspace: Workspace) -> None:
    def steps(of: Callable[[], Any]) -> int:
        """How much SQLite does for it, in hundreds of its instructions."""
        done: list[int] = []
        connection.connection.set_progress_handler(lambda: done.append(1), 100)
        of()
        connection.connection.set_progress_handler(None, 0)
        return len(done)

    def pages() -> list[int]:
        found = _first_pages(workspace, "tea")
        own = Post.objects.in_workspace(workspace).filter(status="draft")
        drafts = matching(own, parse("tea*"), workspace=workspace.id).order_by("-created_at", "-id")
        halfway = drafts[drafts.count() // 2].created_at
        older, newer = drafts.filter(created_at__lte=halfway), drafts.filter(created_at__gte=halfway)
        lists = (drafts, older, newer.order_by("created_at", "id"))
        return [steps(lambda: found.first(11)), *(steps(lambda rows=rows: list(rows[:11])) for rows in lists)]

    def write(count: int) -> list[int]:
        Post.objects.bulk_create(
            Post(workspace=workspace, content="tea", created_at=datetime(2026, 5, 1, tzinfo=UTC) + timedelta(hours=at))
            for at in range(count)
        )
        return pages()

    few, many = write(FEW), write(400)

    assert all(later < 1.5 * before for before, later in zip(few, many, strict=True)), (few, many)


@pytest.mark.parametrize("is_common", [False, True])
def test_a_query_alone_finds_what_it_finds_beside_a_filter(
    is_common: bool, client: APIClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_corpus(workspace)
    write_corpus(make_workspace())
    for module in ("posts.search.matching", "posts.api.found_pages"):
        monkeypatch.setattr(f"{module}.is_common", lambda *_, **__: is_common)

    for query in ("good", "good -coffee", "harb*", "morning or tea", "-good", "xyz*"):
        alone, filtered = (search(client, f"q={query}&limit=2{more}") for more in ("", "&has_media=false"))
        assert (alone["posts"], alone["total"]) == (filtered["posts"], filtered["total"]), query
        assert alone["total"] == len(FOUND.get(query, set(CORPUS) - FOUND["good"])), query
        pages, address = [], f"/api/v2/search/posts?q={query}&limit=2&cursor="
        while address:
            page = client.get(address).json()
            pages, address = [*pages, *page["posts"]], page["next"]
        assert pages == search(client, f"q={query}&has_media=false")["posts"], query


USUAL: dict[str, Callable[[Post], bool]] = {
    "": lambda _: True,
    "status=draft": lambda post: post.status == "draft",
    "platform=mastodon": lambda post: "mastodon" in post.wanted_platforms,
    "post_type=": lambda _: True,
    "date_from=2026-05-02": lambda post: post.created_at.day >= 2,
    "date_from=2026-05-01T06:30:00Z&date_to=2026-05-02": lambda post: (
        datetime(2026, 5, 1, 6, 30, tzinfo=UTC) <= post.created_at < datetime(2026, 5, 3, tzinfo=UTC)
    ),
    "status=draft&platform=mastodon&post_type=standard&date_to=2026-05-01": lambda post: (
        (post.status, post.post_type, post.wanted_platforms) == ("draft", "standard", ["mastodon"])
        and post.created_at.day == 1
    ),
    "date_from=2026-05-02&date_to=2026-05-02&timezone=Asia/Tokyo": lambda post: (
        datetime(2026, 5, 1, 15, tzinfo=UTC) <= post.created_at < datetime(2026, 5, 2, 15, tzinfo=UTC)
    ),
}  # fmt: skip


@pytest.mark.parametrize("is_common", [False, True])
def test_the_usual_filters_beside_a_query_leave_what_meets_them(
    is_common: bool, client: APIClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, moment = Random(11), datetime(2026, 5, 1, 6, tzinfo=UTC)
    for module in ("posts.search.matching", "posts.api.found_pages"):
        monkeypatch.setattr(f"{module}.is_common", lambda *_, **__: is_common)
    for owner in (workspace, make_workspace()):
        Post.objects.bulk_create(
            Post(
                workspace=owner,
                content=chance.choice(("tea", "tea and milk", "milk")),
                status=chance.choice(("draft", "published")),
                post_type=chance.choice(("standard", "thread")),
                wanted_platforms=[chance.choice(("mastodon", "twitter"))],
                created_at=moment + timedelta(hours=chance.randrange(48)),
                deleted_at=None if chance.random() < 0.9 else moment,
            )
            for _ in range(150)
        )
    posts = Post.objects.in_workspace(workspace).kept().filter(content__contains="tea").order_by("-created_at", "-id")

    for filters, meets in USUAL.items():
        wanted = [str(post.id) for post in posts if meets(post)]
        assert len(wanted) > 3, filters
        page = search(client, f"q=tea&limit=3&{filters}")
        assert ([row["id"] for row in page["posts"]], page["total"]) == (wanted[:3], len(wanted)), filters
        found, address = [], f"/api/v2/search/posts?q=tea&limit=3&{filters}&cursor="
        while address:
            page = client.get(address).json()
            found, address = [*found, *(row["id"] for row in page["posts"])], page["next"]
        assert found == wanted, filters
        assert [row["id"] for row in search(client, f"q=tea&{filters}&has_media=false&limit=200")["posts"]] == wanted, (
            filters
        )


@pytest.mark.parametrize("spoiled", ["", "deleted_at", "created_at"])
def test_the_newest_are_found_in_order_though_some_are_deleted_or_their_rows_are_of_an_older_version(
    spoiled: str, client: APIClient, workspace: Workspace
) -> None:
    posts = [make_post(workspace=workspace, content=f"coffee {number}") for number in range(6)]
    later = datetime(2030, 1, 1, tzinfo=UTC)
    Post.objects.filter(id=posts[2].id).update(created_at=later)  # whose id is not the newest
    if spoiled == "deleted_at":
        Post.objects.filter(id__in=[posts[5].id, posts[3].id]).update(deleted_at=later)
    if spoiled == "created_at":
        PostSearch.objects.filter(post__in=[posts[0], posts[4]]).update(created_at=None)
    numbers = [2, 4, 1, 0] if spoiled == "deleted_at" else [2, 5, 4, 3, 1, 0]
    wanted = [f"coffee {number}" for number in numbers]

    assert contents(client, "q=coffee&limit=3&cursor=") == wanted[:3]
    assert contents(client, "q=coffee") == wanted
    page = search(client, "q=coffee&limit=3")
    assert ([row["content"] for row in page["posts"]], page["total"]) == (wanted[:3], len(wanted))


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite finds a page in its index")
def test_a_word_is_common_when_postgresql_has_counted_it_often(workspace: Workspace) -> None:
    for number in range(40):
        make_post(workspace=workspace, content=f"coffee w{number} {'tea' if number % 2 else ''}")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE posts_postsearch")
    common_words.forget()

    found = {text: common_words.is_common(parse(text), using="default") for text in COMMON}
    posts = matching(Post.objects.all(), parse("coffee"), workspace=workspace.id).order_by("-id")
    token = workspace_token(workspace.id)
    with CaptureQueriesContext(connection) as asked:
        assert (len(posts[:5]), posts.count()) == (5, 40)
    common_words.forget()

    assert found == COMMON
    assert [token in statement["sql"] for statement in asked.captured_queries] == [False, True]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite finds a page in its index")
def test_the_newest_months_are_enough_where_they_hold_a_page(client: APIClient, workspace: Workspace) -> None:
    now = month_of(datetime.now(UTC))
    for owner in (workspace, make_workspace()):
        texts = [f"{'coffee' if number < 18 else 'tea'} {number}" for number in range(420)]
        Post.objects.bulk_create(Post(workspace=owner, content=text) for text in texts)
    for ago in range(1, 6):
        year, month = divmod(now - ago - 1, 12)
        then = Post.objects.filter(workspace=workspace, content__in=texts[ago::6])
        then.update(created_at=datetime(year, month + 1, 1, tzinfo=UTC))
    newest = Post.objects.filter(workspace=workspace, content__startswith="coffee").order_by("-created_at", "-id")
    wanted = list(newest.values_list("content", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE posts_postsearch")
    common_words.forget()

    with CaptureQueriesContext(connection) as asked:
        assert contents(client, "q=coffee&limit=2&cursor=") == wanted[:2]
    searches = [query["sql"] for query in asked.captured_queries if "@@" in query["sql"]]
    newest.filter(content__in=wanted[:6]).update(content="milk")
    assert contents(client, "q=coffee&limit=2&cursor=") == wanted[6:8]  # none of which is in the newest months
    common_words.forget()

    months = [month_token(workspace.id, now - ago) for ago in range(6)]
    assert [[month in search for month in months] for search in searches] == [[True, True, False, False, False, False]]


COMMON = {
    "coffee": True, "coffee tea": True, "coffee or w7": True, "COFFEE": True, "w7": False, "coffee w7": False,
    "unheard": False, '"coffee tea"': False, "coffee -tea": False,
}  # fmt: skip


def test_answer_is_a_list_of_posts_newest_first(client: APIClient, workspace: Workspace) -> None:
    for number in range(3):
        make_post(workspace=workspace, content=f"coffee {number}")
    make_post(content="coffee of others")
    gone = make_post(workspace=workspace, content="coffee gone")
    Post.objects.filter(id=gone.id).update(deleted_at=datetime.now(UTC))

    found = search(client, "q=coffee&limit=2")

    assert [row["content"] for row in found["posts"]] == ["coffee 2", "coffee 1"]
    assert (found["total"], found["limit"], found["offset"]) == (3, 2, 0)
    assert contents(client, "q=coffee&limit=2&offset=2") == ["coffee 0"]
    assert contents(client, "q=coffee&limit=2&cursor=") == ["coffee 2", "coffee 1"]
    assert search(client, "q=coffee")["posts"] == client.get("/api/v2/posts?q=coffee").json()["posts"]


def test_the_missions_own_address_works_as_written(client: APIClient, workspace: Workspace) -> None:
    account = make_account(workspace=workspace, platform="twitter")
    wanted = make_post(accounts=[account], content="1", post_type="thread", status="published")
    make_post(accounts=[account], content="2", post_type="thread")
    make_post(workspace=workspace, content="3", post_type="thread", status="published")
    old = make_post(accounts=[account], content="4", post_type="thread", status="published")
    Post.objects.filter(id=old.id).update(created_at=datetime(2026, 1, 3, 23, 59, tzinfo=UTC))

    query = "q=&platform=twitter&post_type=thread&status=published&date_from=2026-01-04"

    assert [row["id"] for row in search(client, query)["posts"]] == [str(wanted.id)]


def test_a_bare_date_is_a_whole_day_of_who_asks_else_of_the_workspace(client: APIClient, workspace: Workspace) -> None:
    member = Membership.objects.get(workspace=workspace).user
    late = make_post(workspace=workspace, content="late")
    Post.objects.filter(id=late.id).update(created_at=datetime(2026, 3, 28, 23, 30, tzinfo=UTC))

    day = "q=&date_from=2026-03-28&date_to=2026-03-28"
    assert contents(client, day) == ["late"]
    assert contents(client, f"{day}&timezone=Europe/Berlin") == []
    Workspace.objects.update(timezone="Europe/Berlin")
    assert contents(client, day) == []
    member.timezone = "Etc/GMT+1"
    member.save()
    assert contents(client, day) == ["late"]
    member.timezone = "Europe/Berlin"
    member.save()
    assert contents(client, day) == []
    assert contents(client, f"{day}&timezone=UTC") == ["late"]
    listed = client.get("/api/v2/posts?created_from=2026-03-29").json()["posts"]
    assert [row["content"] for row in listed] == ["late"]


def test_filters_narrow_what_is_found(client: APIClient, workspace: Workspace) -> None:
    accounts = [make_account(workspace=workspace, platform=platform) for platform in ("twitter", "bluesky")]
    for account in accounts:
        make_post(accounts=[account], content=f"tea {account.platform}")
    pictured = make_post(accounts=accounts, content="tea with picture")
    PostMedia.objects.create(post=pictured, asset=make_asset(workspace=workspace), position=0)

    assert contents(client, "q=tea&platform=twitter") == ["tea with picture", "tea twitter"]
    assert len(contents(client, "q=tea&platform=twitter&platform=bluesky")) == 3
    assert contents(client, "q=tea&has_media=true") == ["tea with picture"]
    assert contents(client, f"q=tea&account={accounts[1].id}&has_media=false") == ["tea bluesky"]


def test_best_come_first_when_asked_for(client: APIClient, workspace: Workspace) -> None:
    make_post(workspace=workspace, content="whale whale whale")
    make_post(workspace=workspace, content="Something else", first_comment="with one whale far below")
    make_post(workspace=workspace, content="no fish")

    assert contents(client, "q=whale")[0] == "Something else"
    assert contents(client, "q=whale&ordering=relevance") == ["whale whale whale", "Something else"]
    assert contents(client, "q=whale&ordering=relevance&limit=1&offset=1") == ["Something else"]
    assert contents(client, "q=-whale&ordering=relevance") == ["no fish"]
    assert contents(client, "q=nothing&ordering=relevance") == []


def test_passages_are_shown_on_request(client: APIClient, workspace: Workspace) -> None:
    post = make_post(workspace=workspace, content="Café at the quay", overrides={"mastodon": {"content": "A cafe!"}})
    PostTag.objects.create(post=post, name="cafe")

    (shown,) = search(client, "q=cafe&highlight=true&fields=id")["posts"]

    assert shown == {
        "id": str(post.id),
        "highlights": [
            {"field": "content", "text": "Café at the quay", "marks": [[0, 4]]},
            {"field": "tags.0", "text": "cafe", "marks": [[0, 4]]},
            {"field": "overrides.mastodon.content", "text": "A cafe!", "marks": [[2, 6]]},
        ],
    }
    assert "highlights" not in search(client, "q=cafe")["posts"][0]
    assert search(client, "q=&highlight=true")["posts"][0]["highlights"] == []


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        (f"q={'x' * 4096}", "q", "max_length"),
        ("q=ab*", "q", "prefix_too_short"),
        ("q=a%00b", "q", "nul_character"),
        ("q=a&q=b", "q", "max_length"),
        ("q=a&created_from=2026-01-01", "created_from", "unknown_parameter"),
        ("status=lost", "status", "invalid_choice"),
        ("ordering=-created_at", "ordering", "invalid_choice"),
        ("date_from=2026-02-30", "date_from", "invalid"),
        ("date_from=2026-02-02&date_to=2026-02-01", "date_to", "before_from"),
        ("highlight=maybe", "highlight", "invalid"),
        ("fields=nothing", "fields", "unknown_field"),
        ("q=a&ordering=relevance&cursor=", "cursor", "not_with_ordering"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(client: APIClient, query: str, field: str, code: str) -> None:
    answer = client.get(f"/api/v2/search/posts?{query}")

    assert answer.status_code == 400
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]


def test_nothing_is_found_without_words(client: APIClient, workspace: Workspace) -> None:
    make_post(workspace=workspace, content="!!!")

    assert contents(client, f"q={quote('!!!')}") == []
    assert contents(client, "q=") == contents(client, "") == ["!!!"]


def test_no_query_breaks(workspace: Workspace) -> None:
    chance, signs = Random(7), "ab \"-*or()|&!:<>\\'^{}東🎉\u0301\u200d\n"
    make_post(workspace=workspace, content="nothing of that")

    for _ in range(300):
        text = "".join(chance.choice(signs) for _ in range(chance.randrange(40)))
        with suppress(Unreadable):
            assert matching(Post.objects.all(), parse(text), workspace=workspace.id).count() <= 1, text


def test_number_of_queries_stays_the_same(
    client: APIClient, workspace: Workspace, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        make_post(workspace=workspace, content=f"tea {number}")
    search(client, "q=tea")  # asks which words are common, once in a while
    to_count = 1 if connection.vendor == "sqlite" else 0  # a page that is not all
    for limit, queries in ((1, 3 + to_count), (4, 3 + to_count), (5, 3), (50, 3)):
        with django_assert_num_queries(queries):
            assert search(client, f"q=tea&limit={limit}")["total"] == 5
