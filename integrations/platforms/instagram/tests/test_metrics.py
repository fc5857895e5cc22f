"""What Instagram tells of posts, stories and comments at either host, and what is left where it does not tell all."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.contract import AccountMetrics, Content, Part, Published
from integrations.errors import NeedsReconnect, Unavailable
from integrations.platforms.instagram.sign_in import InstagramByFacebook
from mastablasta.core.outbound import connections
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of, visit
from tests.kit.media_contract import go_on, with_media
from tests.kit.raw_server import answer, raw_server, says
from tests.kit.served_files import ServedFolder
from tests.world import Sandbox

COUNTERS = {"views": 90, "reach": 80, "likes": 7, "shares": 6, "comments": 5, "saves": 4}
OF_A_POST = {"views": 90, "likes": 7, "shares": 6, "comments": 5, "reach": 80, "bookmarks": 4}
OF_A_STORY = {name: value for name, value in OF_A_POST.items() if name != "bookmarks"}


@pytest.fixture(params=["", "instagram"])
def account(sandbox: Sandbox, request: pytest.FixtureRequest) -> SignedInAccount:
    return visit(sandbox, "instagram", sign_in=request.param)


def published(account: SignedInAccount, content: Content) -> list[str]:
    sent: list[Published] = []
    for _ in content.parts:
        sent.append(go_on(account, step_of(content, *sent), InMemoryProgress()))
        account.sandbox.metrics("instagram", sent[-1].remote_id, **COUNTERS)
    return [one.remote_id for one in sent]


def told(account: SignedInAccount, *refs: str) -> dict[str, dict[str, int]]:
    """What is told of these, each as far as it is."""
    names = ("views", "likes", "shares", "comments", "reach", "clicks")
    return {
        ref: {name: value for name in names if (value := getattr(one, name)) is not None} | dict(one.extra)
        for ref, one in account.connector.fetch_metrics(refs).items()
    }


def test_posts_stories_and_comments_have_figures_of_their_own(account: SignedInAccount, folder: ServedFolder) -> None:
    picture = folder.picture()
    post, comment = published(account, Content((Part("Root", (picture,)), Part("First!", kind="comment"))))
    [story] = published(account, Content((Part("", (picture,)),), post_type="story"))

    found = told(account, post, story, comment, "404404404", "../me", "1" * 40)

    assert found == {post: OF_A_POST, story: OF_A_STORY, comment: {"likes": 7}}
    [figures] = account.connector.fetch_metrics([post]).values()
    assert figures.answer == {
        "like_count": 7,
        "comments_count": 5,
        "insights": {"views": 90, "reach": 80, "shares": 6, "saved": 4},
    }


@pytest.mark.parametrize(
    ("setting", "left"),
    [({"refused_metrics": ["saved"]}, OF_A_STORY), ({"refused_metrics": ["views"]}, {"likes": 7, "comments": 5})],
)
def test_figure_that_is_told_no_more_does_not_cost_the_others(
    sandbox: Sandbox, folder: ServedFolder, setting: dict[str, Any], left: dict[str, int]
) -> None:
    anna = visit(sandbox, "instagram")
    [post] = published(anna, with_media(folder.picture()))
    sandbox.instance("instagram", **setting)

    assert told(anna, post) == {post: left}


def test_permission_that_was_not_granted_costs_the_insights_alone(
    sandbox: Sandbox, folder: ServedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InstagramByFacebook, "scopes", InstagramByFacebook.needed_scopes)
    anna = visit(sandbox, "instagram")
    [post] = published(anna, with_media(folder.picture()))

    assert told(anna, post) == {post: {"likes": 7, "comments": 5}}


def test_account_has_followers_and_posts(account: SignedInAccount, folder: ServedFolder) -> None:
    published(account, with_media(folder.picture()))
    account.sandbox.account_metrics("instagram", "anna", followers=812, following=33)

    found = account.connector.fetch_account_metrics()

    assert found is not None
    assert found == AccountMetrics(found.counted_at, followers=812, following=33, posts=1)


def test_many_are_read_in_one_call_where_the_host_can(account: SignedInAccount, folder: ServedFolder) -> None:
    posts = [published(account, with_media(folder.picture()))[0] for _ in range(3)]
    before = len(account.sandbox.requests("instagram"))

    told(account, *posts)

    is_own_host = account.target.facts["login"] == "instagram"
    calls = [call["operation"] for call in account.sandbox.requests("instagram")[before:]]
    assert calls == (["lookup"] * 3 if is_own_host else ["metrics"])
    assert account.connector.metrics_batch(account.target) == (20 if is_own_host else 50)


def test_refusals_are_the_contracts(account: SignedInAccount, folder: ServedFolder) -> None:
    [post] = published(account, with_media(folder.picture()))
    account.fault("status_500", operation="any")
    with pytest.raises(Unavailable):
        account.connector.fetch_metrics([post])

    account.fault("revoke_token", operation="any")
    for ask in (lambda: account.connector.fetch_metrics([post]), account.connector.fetch_account_metrics):
        with pytest.raises(NeedsReconnect):
            ask()


@pytest.mark.parametrize("said", ['{"id": "3"}', "<html>", "[]", "{}"])
def test_nonsense_is_never_a_figure(sandbox: Sandbox, said: str) -> None:
    anna = visit(sandbox, "instagram", sign_in="instagram")
    with raw_server(says(answer(said))) as server:
        connections.drop_kept()
        with pytest.raises(Unavailable):
            anna.at(server.url).fetch_metrics(["2"])
