"""What connectors tell of posts and accounts, against the simulator's counters."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations import registry
from integrations.contract import AccountMetrics, Metrics, Published, Target
from integrations.errors import CallFailed, RateLimited, Unavailable
from integrations.sign_in import ClientApp
from mastablasta.core.outbound import Http, connections
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of, visit
from tests.kit.raw_server import answer, raw_server, says
from tests.world import Sandbox

NOW = datetime.now(UTC)
COUNTERS = {
    "views": 1250,
    "likes": 45,
    "shares": 12,
    "comments": 8,
    "clicks": 7,
    "quotes": 3,
    "bookmarks": 2,
    "profile_clicks": 5,
    "engagements": 70,
    "reach": 900,
}
FEDERATED = {"likes": 45, "shares": 15, "comments": 8}
TOLD: dict[str, dict[str, Any]] = {
    "twitter": {
        **FEDERATED,
        "views": 1250,
        "clicks": 7,
        "extra": {"quotes": 3, "bookmarks": 2, "profile_clicks": 5, "engagements": 70},
    },
    "mastodon": {**FEDERATED, "extra": {"quotes": 3}},
    "bluesky": {**FEDERATED, "extra": {"quotes": 3, "bookmarks": 2}},
    "facebook": {"likes": 45, "shares": 12, "comments": 8, "views": 1250, "reach": 900, "clicks": 7, "extra": {}},
}
ACCOUNTS = {slug: AccountMetrics(NOW, followers=812, following=33, posts=1) for slug in TOLD}
ACCOUNTS["facebook"] = AccountMetrics(NOW, followers=812)  # pages follow nobody, and their posts are not counted
ANSWERS: dict[str, dict[str, Any]] = {
    "twitter": {
        "non_public_metrics": {
            "engagements": 70,
            "impression_count": 1250,
            "url_link_clicks": 7,
            "user_profile_clicks": 5,
        },
        "public_metrics": {
            "bookmark_count": 2,
            "impression_count": 1250,
            "like_count": 45,
            "quote_count": 3,
            "reply_count": 8,
            "repost_count": 12,
        },
    },
    "mastodon": {"favourites_count": 45, "quotes_count": 3, "reblogs_count": 12, "replies_count": 8},
    "bluesky": {"bookmarkCount": 2, "likeCount": 45, "quoteCount": 3, "replyCount": 8, "repostCount": 12},
    "facebook": {
        "shares": {"count": 12},
        "reactions": {"summary": {"total_count": 45}},
        "comments": {"summary": {"total_count": 8}},
        "insights": {"post_media_view": 1250, "post_total_media_view_unique": 900, "post_clicks": 7},
    },
}


def published(anna: SignedInAccount, text: str) -> str:
    sent = anna.connector.publish(step_of(text, key=f"k.{text}"), progress=InMemoryProgress())
    assert isinstance(sent, Published)
    return sent.remote_id


def figures(metrics: Metrics) -> dict[str, Any]:
    names = ("views", "likes", "shares", "comments", "reach", "clicks")
    told = {name: getattr(metrics, name) for name in names if getattr(metrics, name) is not None}
    return {**told, "extra": dict(metrics.extra)}


@pytest.mark.parametrize("slug", TOLD)
def test_figures_are_the_platforms_own(sandbox: Sandbox, slug: str) -> None:
    anna = visit(sandbox, slug, "anna")
    counted, quiet, gone = (published(anna, text) for text in ("Counted", "Quiet", "Gone"))
    sandbox.metrics(slug, counted, **COUNTERS)
    anna.connector.delete(gone)
    before = len(sandbox.requests(slug))

    told = anna.connector.fetch_metrics([counted, gone, quiet, "no/id?", "1" * 40])

    assert set(told) == {counted, quiet}
    assert figures(told[counted]) == TOLD[slug]
    assert told[counted].answer == ANSWERS[slug]
    assert {value for value in figures(told[quiet]).values() if isinstance(value, int)} == {0}
    assert [call["operation"] for call in sandbox.requests(slug)[before:]] == ["metrics"]


@pytest.mark.parametrize("slug", TOLD)
def test_followers_are_the_accounts_own(sandbox: Sandbox, slug: str) -> None:
    anna = visit(sandbox, slug, "anna")
    published(anna, "One")
    sandbox.account_metrics(slug, anna.target.handle.removeprefix("@").partition("@")[0], followers=812, following=33)

    told = anna.connector.fetch_account_metrics()

    assert told is not None
    assert replace(told, counted_at=NOW) == ACCOUNTS[slug]


def test_foreign_posts_keep_their_public_part_and_new_names_are_understood(sandbox: Sandbox) -> None:
    sandbox.instance("twitter", field_names="new")
    anna, berta = visit(sandbox, "twitter", "anna"), visit(sandbox, "twitter", "berta")
    own, foreign = published(anna, "Mine"), published(berta, "Hers")
    for one in (own, foreign):
        sandbox.metrics("twitter", one, **COUNTERS)

    told = anna.connector.fetch_metrics([own, foreign])

    assert figures(told[own]) == TOLD["twitter"]
    assert figures(told[foreign]) == {
        **FEDERATED,
        "views": 1250,
        "extra": {"quotes": 3, "bookmarks": 2},
    }


def test_server_without_batches_is_asked_one_by_one(sandbox: Sandbox) -> None:
    anna = visit(sandbox, "mastodon", "anna")
    one, gone = published(anna, "One"), published(anna, "Gone")
    sandbox.metrics("mastodon", one, **COUNTERS)
    anna.connector.delete(gone)

    assert figures(anna.connector.fetch_metrics([one])[one]) == TOLD["mastodon"]
    assert anna.connector.fetch_metrics([gone]) == {}


@pytest.mark.parametrize("slug", TOLD)
@pytest.mark.parametrize(
    ("effect", "failure"), [("status_503", CallFailed), ("rate_limited", RateLimited), ("reset_before", Unavailable)]
)
def test_refusals_are_the_contracts(sandbox: Sandbox, slug: str, effect: str, failure: type[CallFailed]) -> None:
    anna = visit(sandbox, slug, "anna")
    one, two = published(anna, "One"), published(anna, "Two")
    sandbox.fault(slug, "metrics", effect, **({"retry_after": 60} if effect == "rate_limited" else {"times": 2}))

    with pytest.raises(failure):
        anna.connector.fetch_metrics([one, two])


URIS = ("at://did:plc:anna/app.bsky.feed.post/1", "at://did:plc:anna/app.bsky.feed.post/2")


def batched(*bodies: str) -> str:
    return json.dumps([{"code": 200, "body": body} for body in bodies])


LIES = {
    "twitter": [
        ('{"data": [{"id": "1"}, {"id": "2", "public_metrics": {"like_count": -3, "quote_count": 9e99}}, 7]}', {}),
        ('{"data": [{"id": "2", "public_metrics": {"like_count": "many", "reply_count": true}}]}', {}),
        ('{"meta": {}}', None),
        ("<html>", None),
    ],
    "mastodon": [
        ('[{"id": "2", "favourites_count": null, "replies_count": 1e400}, null, []]', {}),
        ('{"error": "no"}', None),
        ("<html>", None),
    ],
    "bluesky": [
        (f'{{"posts": [{{"uri": "{URIS[1]}", "likeCount": [3]}}, "x"]}}', {}),
        ('{"posts": {}}', None),
        ("<html>", None),
    ],
    "facebook": [
        (batched('{"id": "1", "views": -3}', '{"id": "2", "views": "many", "likes": {"summary": []}}'), {}),
        (batched('{"id": "1"}', '{"id": "3"}'), None),
        (batched('{"id": "1"}', "<html>"), None),
        (batched('{"id": "1"}'), None),
        ('[{"code": "200", "body": "{}"}, 7]', None),
        ("{}", None),
        ("<html>", None),
    ],
}


@pytest.mark.parametrize(
    ("slug", "said", "told"), [(slug, said, told) for slug, answers in LIES.items() for said, told in answers]
)
def test_nonsense_is_not_told_and_never_a_figure(slug: str, said: str, told: dict[str, Any] | None) -> None:
    refs = URIS if slug == "bluesky" else ("1", "2")
    with raw_server(says(answer(said))) as server:
        connections.drop_kept()
        target = Target(server.url, "host", "did:plc:anna", "@anna", info={"version": "4.5.0"})
        connector_class = registry.connector_class(slug)
        connector = connector_class(target, Http(server.url, auth=connector_class.auth("abc", ClientApp("1", "s"))))
        if told is None:
            with pytest.raises(Unavailable):
                connector.fetch_metrics(refs)
        else:
            assert figures(connector.fetch_metrics(refs)[refs[1]]) == {"extra": {}}
