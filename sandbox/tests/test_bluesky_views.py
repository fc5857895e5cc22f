from __future__ import annotations

from typing import Any

import pytest

from sandbox.tests.bluesky import POSTS, Service, Session, post, ref, rkey_of, seen
from sandbox.tests.clients import Control

GET_POSTS, FEED, PROFILE = "app.bsky.feed.getPosts", "app.bsky.feed.getAuthorFeed", "app.bsky.actor.getProfile"


def feed_of(service: Service, who: str, **query: Any) -> tuple[list[str], str | None]:
    body = service.read(FEED, actor=who, **query)
    return [item["post"]["record"]["text"] for item in body["feed"]], body.get("cursor")


def test_get_posts_leaves_out_what_is_missing(bluesky: Service, amy: Session) -> None:
    made = [amy.posted("One"), amy.posted("Two")]
    gone = f"at://{amy.did}/{POSTS}/3jzfcijpj2z2b"
    by_handle = made[1]["uri"].replace(amy.did, amy.handle)

    shown = bluesky.read(GET_POSTS, uris=[made[0]["uri"], gone, by_handle, "at://nobody.example/a.b.c/d"])["posts"]

    assert [(view["uri"], view["cid"]) for view in shown] == [(one["uri"], one["cid"]) for one in made]
    assert shown[0]["record"] == post("One")
    author = shown[0]["author"]
    assert (author["did"], author["handle"], author["displayName"]) == (amy.did, amy.handle, amy.handle)


def test_get_posts_takes_25(bluesky: Service, amy: Session) -> None:
    uris = [f"at://{amy.did}/{POSTS}/3jzfcijpj2z2{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]

    assert bluesky.read(GET_POSTS, uris=uris[:25]) == {"posts": []}
    too_many = seen(bluesky.get(GET_POSTS, uris=uris))
    assert too_many == (400, "InvalidRequest", "Error: uris must not have more than 25 elements")
    assert seen(bluesky.get(GET_POSTS))[2] == 'Error: Params must have the property "uris"'
    assert seen(bluesky.get(GET_POSTS, uris="https://example.com"))[2] == "Error: uris must be a valid at-uri"


def test_counters(control: Control, bluesky: Service, amy: Session) -> None:
    root = amy.posted()
    amy.posted("Reply", reply={"root": ref(root), "parent": ref(root)})

    def counts() -> list[int]:
        (view,) = bluesky.read(GET_POSTS, uris=[root["uri"]])["posts"]
        return [view[f"{name}Count"] for name in ("like", "repost", "reply", "quote", "bookmark")]

    assert counts() == [0, 0, 1, 0, 0]
    control.put("metrics", platform="bluesky", id=root["uri"], likes=1, shares=2, comments=3, quotes=4, bookmarks=5)
    assert counts() == [1, 2, 3, 4, 5]


def test_views_are_late(control: Control, bluesky: Service, amy: Session) -> None:
    control.put("limits", lookup_lag_ms=60_000)
    uri = amy.posted()["uri"]

    assert bluesky.read(GET_POSTS, uris=[uri]) == {"posts": []}
    assert feed_of(bluesky, amy.did) == ([], None)
    control.put("limits", lookup_lag_ms=0)
    assert len(bluesky.read(GET_POSTS, uris=[uri])["posts"]) == 1


def test_author_feed_in_pages_by_what_the_post_says(bluesky: Service, amy: Session) -> None:
    for text, day in (("C", 3), ("A", 1), ("B", 2)):
        amy.posted(text, createdAt=f"2025-01-0{day}T00:00:00Z")
    amy.posted("In the future counts as now", createdAt="2055-01-01T00:00:00Z")

    first, cursor = feed_of(bluesky, amy.handle, limit=2)
    second, end = feed_of(bluesky, amy.did, limit=2, cursor=cursor)

    assert (first, second, end) == (["In the future counts as now", "C"], ["B", "A"], None)


def test_author_feed_shows_threads(bluesky: Service, amy: Session) -> None:
    bob = bluesky.sign_in("bob")
    root = amy.posted("Root")
    own = amy.posted("Own", reply={"root": ref(root), "parent": ref(root)})
    bob.posted("To Amy", reply={"root": ref(root), "parent": ref(own)})
    amy.delete(rkey_of(own))

    (item,) = bluesky.read(FEED, actor=bob.did)["feed"]

    assert item["reply"]["root"]["$type"] == "app.bsky.feed.defs#postView"
    gone = {"$type": "app.bsky.feed.defs#notFoundPost", "uri": own["uri"], "notFound": True}
    assert item["reply"]["parent"] == gone
    for chosen in ("posts_no_replies", "posts_and_author_threads", "posts_with_media"):
        assert feed_of(bluesky, bob.did, filter=chosen) == ([], None)
    assert feed_of(bluesky, amy.did, filter="posts_and_author_threads") == (["Root"], None)


def test_link_card_is_shown(bluesky: Service, amy: Session) -> None:
    card = {"uri": "https://example.com/", "title": "A", "description": "B"}
    uri = amy.posted(embed={"$type": "app.bsky.embed.external", "external": card})["uri"]

    (view,) = bluesky.read(GET_POSTS, uris=[uri])["posts"]

    assert view["embed"] == {"$type": "app.bsky.embed.external#view", "external": card}


@pytest.mark.parametrize("name", [FEED, PROFILE])
def test_unknown_actor(bluesky: Service, name: str) -> None:
    assert seen(bluesky.get(name, actor="nobody.bsky.social")) == (400, "InvalidRequest", "Profile not found")
    assert seen(bluesky.get(name, actor="nobody"))[2] == "Error: actor must be a valid did or a handle"


def test_profile(bluesky: Service, amy: Session) -> None:
    amy.posted()

    shown = bluesky.read(PROFILE, actor=amy.handle)

    assert (shown["did"], shown["handle"], shown["postsCount"]) == (amy.did, amy.handle, 1)


def test_quoted_posts_are_shown_as_long_as_they_are_there(bluesky: Service, amy: Session) -> None:
    quoted = amy.posted("Quoted")
    quote = {"record": ref(quoted)}
    card = {"$type": "app.bsky.embed.external", "external": {"uri": "https://a.b", "title": "", "description": ""}}
    plain = amy.posted("Plain", embed={"$type": "app.bsky.embed.record", **quote})
    both = {"$type": "app.bsky.embed.recordWithMedia", "record": quote, "media": card}
    uris = [plain["uri"], amy.posted("Both", embed=both)["uri"]]

    first, second = (view["embed"] for view in bluesky.read(GET_POSTS, uris=uris)["posts"])
    amy.call(
        "POST", "com.atproto.repo.deleteRecord", json={"repo": amy.did, "collection": POSTS, "rkey": rkey_of(quoted)}
    )
    gone = bluesky.read(GET_POSTS, uris=uris[:1])["posts"][0]["embed"]

    assert first["record"]["value"] == second["record"]["record"]["value"] == post("Quoted")
    assert second["media"]["$type"] == "app.bsky.embed.external#view"
    assert gone["record"] == {"$type": "app.bsky.embed.record#viewNotFound", "uri": quoted["uri"], "notFound": True}
