"""What YouTube tells of videos and channels, and what is left of nonsense."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.contract import Metrics, Target
from integrations.errors import CallFailed, RateLimited, Unavailable
from integrations.platforms.youtube.connector import YouTubeConnector
from integrations.sign_in import NO_APP
from mastablasta.core.outbound import Http, connections
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of, visit
from tests.kit.media_contract import MediaFolder, go_on, with_media
from tests.kit.raw_server import answer, raw_server, says
from tests.world import Sandbox

ONE, TWO = "AAAAAAAAAA1", "AAAAAAAAAA2"


@pytest.fixture
def anna(sandbox: Sandbox) -> SignedInAccount:
    sandbox.instance("youtube", video_processing_ms=0)
    return visit(sandbox, "youtube")


def published(anna: SignedInAccount, folder: MediaFolder, text: str) -> str:
    return go_on(anna, step_of(with_media(folder.video(), text=text), key=text), InMemoryProgress()).remote_id


def figures(told: Metrics) -> tuple[int | None, ...]:
    return told.views, told.likes, told.comments, told.shares, told.reach, told.clicks


def test_videos_are_counted_in_one_call_and_others_are_absent(anna: SignedInAccount, tmp_path: Path) -> None:
    folder = MediaFolder(tmp_path)
    counted, quiet, gone = (published(anna, folder, text) for text in ("Counted", "Quiet", "Gone"))
    anna.sandbox.metrics("youtube", counted, views=3_000_000_000, likes=45, comments=8)
    anna.connector.delete(gone)
    before = len(anna.sandbox.requests("youtube"))

    told = anna.connector.fetch_metrics([counted, gone, quiet, "no/id?", "1" * 40, counted])

    assert set(told) == {counted, quiet}
    assert figures(told[counted]) == (3_000_000_000, 45, 8, None, None, None)
    assert figures(told[quiet]) == (0, 0, 0, None, None, None)
    assert told[counted].answer == {
        "statistics": {"viewCount": 3_000_000_000, "likeCount": 45, "commentCount": 8},
    }
    assert [call["operation"] for call in anna.sandbox.requests("youtube")[before:]] == ["metrics"]
    anna.sandbox.instance("youtube", hidden_counts=True)
    assert figures(anna.connector.fetch_metrics([counted])[counted])[:3] == (3_000_000_000, None, None)
    assert YouTubeConnector.metrics_batch(anna.target) == 50
    assert anna.connector.fetch_metrics(["no/id?"]) == {}


@pytest.mark.parametrize("is_hidden", [False, True])
def test_channel_tells_its_subscribers_unless_it_hides_them(
    anna: SignedInAccount, tmp_path: Path, is_hidden: bool
) -> None:
    published(anna, MediaFolder(tmp_path), "One")
    anna.sandbox.account_metrics("youtube", "anna", followers=812)
    anna.sandbox.instance("youtube", hidden_counts=is_hidden)

    told = anna.connector.fetch_account_metrics()

    assert told is not None
    assert (told.followers, told.following, told.posts) == (None if is_hidden else 812, None, 1)


@pytest.mark.parametrize(
    ("effect", "failure"), [("status_503", CallFailed), ("rate_limited", RateLimited), ("reset_before", Unavailable)]
)
def test_refusals_are_the_contracts(anna: SignedInAccount, effect: str, failure: type[CallFailed]) -> None:
    anna.fault(effect, operation="metrics", **({"retry_after": 60} if effect == "rate_limited" else {"times": 2}))

    with pytest.raises(failure):
        anna.connector.fetch_metrics([ONE])


@pytest.mark.parametrize(
    ("said", "is_told"),
    [
        (f'{{"items": [{{"id": "{TWO}", "statistics": {{"viewCount": "-3", "likeCount": "many"}}}}]}}', True),
        (f'{{"items": [{{"id": "{TWO}", "statistics": {{"viewCount": 1e400, "likeCount": true}}}}, 7]}}', True),
        (f'{{"items": [{{"id": "{TWO}", "statistics": {{"viewCount": "{"9" * 40}"}}}}]}}', True),
        (f'{{"items": [{{"id": "{TWO}", "statistics": []}}, {{"id": "another"}}]}}', True),
        ('{"items": {}}', False),
        ("{}", False),
        ("<html>", False),
    ],
)
def test_nonsense_is_not_told_and_never_a_figure(said: str, is_told: bool) -> None:
    with raw_server(says(answer(said))) as server:
        connections.drop_kept()
        http = Http(server.url, auth=YouTubeConnector.auth("abc", NO_APP))
        connector = YouTubeConnector(Target(server.url, "host", "UC1", "@anna"), http)
        if not is_told:
            with pytest.raises(Unavailable):
                connector.fetch_metrics([ONE, TWO])
            return
        told = connector.fetch_metrics([ONE, TWO])
    assert set(told) == {TWO}
    assert (figures(told[TWO]), told[TWO].answer) == ((None,) * 6, {})
