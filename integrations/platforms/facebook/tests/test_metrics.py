"""What Facebook tells of posts, videos and comments, and what is left where it does not tell all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integrations.contract import Content, Part, Published
from integrations.errors import NeedsReconnect, Rejected, Unavailable
from integrations.platforms.facebook import sign_in
from integrations.platforms.facebook.metrics import WANTED
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of, visit
from tests.kit.media_contract import MediaFolder, go_on
from tests.world import Sandbox

TOLD = {"views": 90, "reach": 80, "likes": 7, "shares": 6, "comments": 5, "clicks": 4}


@pytest.fixture
def folder(tmp_path: Path) -> MediaFolder:
    return MediaFolder(tmp_path)


def published(page: SignedInAccount, text: str) -> str:
    sent = page.connector.publish(step_of(text), progress=InMemoryProgress())
    assert isinstance(sent, Published)
    page.sandbox.metrics("facebook", sent.remote_id, **TOLD)
    return sent.remote_id


def told(page: SignedInAccount, *refs: str) -> list[dict[str, int]]:
    """What is told of these, each as far as it is."""
    found = page.connector.fetch_metrics(refs)
    return [{name: value for name in TOLD if (value := getattr(found[ref], name)) is not None} for ref in refs]


def of_these(*names: str) -> dict[str, int]:
    return {name: TOLD[name] for name in names}


def test_videos_and_comments_have_figures_of_their_own(sandbox: Sandbox, folder: MediaFolder) -> None:
    sandbox.instance("facebook", video_processing_ms=0)
    anna = visit(sandbox, "facebook")
    reel = step_of(Content((Part("A reel", (folder.video(),)), Part("First!", kind="comment")), post_type="reel"))
    root = go_on(anna, reel, InMemoryProgress())
    comment = anna.connector.publish(step_of(reel.content, root), progress=InMemoryProgress())
    assert isinstance(comment, Published)
    for one in (root, comment):
        sandbox.metrics("facebook", one.remote_id, **TOLD)

    assert told(anna, root.remote_id, comment.remote_id) == [
        of_these("views", "likes", "comments"),
        of_these("likes", "comments"),
    ]


@pytest.mark.parametrize(
    ("refused_fields", "granted", "left"),
    [
        (["post_clicks"], sign_in.SCOPES, {*TOLD} - {"clicks"}),
        (["shares", "post_media_view"], sign_in.SCOPES, {*TOLD} - {"shares", "views"}),
        ([], (*sign_in.NEEDED, "read_insights"), {"shares", "views", "reach", "clicks"}),
        ([], sign_in.NEEDED, {"shares"}),
    ],
)
def test_what_is_refused_costs_no_other_figure_and_two_calls(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, refused_fields: list[str], granted: Any, left: set[str]
) -> None:
    monkeypatch.setattr(sign_in, "SCOPES", granted)
    sandbox.instance("facebook", refused_fields=refused_fields)
    page = visit(sandbox, "facebook", f"page-{len(granted)}-{len(refused_fields)}")
    one, two = published(page, "One"), published(page, "Two")
    before = page.calls("metrics")

    assert told(page, one, two) == [of_these(*left)] * 2
    assert page.calls("metrics") - before == 3


@pytest.mark.parametrize("silent_reads", [1, 3])
def test_read_that_is_left_unanswered_is_asked_for_once_more(sandbox: Sandbox, silent_reads: int) -> None:
    anna = visit(sandbox, "facebook")
    one, two = published(anna, "One"), published(anna, "Two")
    sandbox.instance("facebook", silent_reads=silent_reads)

    if silent_reads == 1:
        assert told(anna, one, two) == [TOLD, TOLD]
    else:
        with pytest.raises(Unavailable):
            anna.connector.fetch_metrics([one, two])


def test_page_that_lost_its_token_is_no_post_that_is_gone(sandbox: Sandbox) -> None:
    anna = visit(sandbox, "facebook")
    one = published(anna, "One")
    sandbox.instance("facebook", lost_pages=["anna"])

    with pytest.raises(NeedsReconnect) as caught:
        anna.connector.fetch_metrics([one])
    assert caught.value.scope == "account"


def test_page_of_whose_posts_nothing_is_told_says_why(sandbox: Sandbox) -> None:
    anna = visit(sandbox, "facebook")
    one = published(anna, "One")
    sandbox.instance("facebook", refused_fields=[name.partition(".")[0] for name in WANTED["post"]])

    with pytest.raises(Rejected, match="nonexisting field"):
        anna.connector.fetch_metrics([one])
