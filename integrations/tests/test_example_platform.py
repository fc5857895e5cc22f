"""The contract, on a platform that is unlike the built ones in every way that the coming ones are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from integrations import registry
from integrations.contract import CannotTell, Content, MediaUse, Part, Pending, Published, Step
from integrations.errors import NeedsReconnect, Unavailable
from tests.kit import example_platform
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of, visit
from tests.kit.example_server import APP_ID, APP_SECRET, ExampleServer
from tests.kit.media_contract import MediaContract, MediaFolder

NOTHING: frozenset[str] = frozenset()


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[ExampleServer]:
    server = ExampleServer()
    monkeypatch.setitem(registry.PLATFORMS, "example", example_platform.ENTRY)
    monkeypatch.setattr(example_platform, "UPLOAD_ORIGINS", [server.upload_origin])
    settings.EXAMPLE_ID, settings.EXAMPLE_SECRET = APP_ID, APP_SECRET
    yield server
    server.stop()


class Fetched(MediaFolder):
    """Its pictures have links: the made-up platform fetches them."""

    def use(self, data: bytes, mime_type: str, **more: Any) -> MediaUse:
        made = super().use(data, mime_type, **more)
        return replace(made, url=f"https://social.example.org{made.path}") if made.kind == "image" else made


class TestExample(MediaContract):
    slug = "example"

    @pytest.fixture
    def folder(self, tmp_path: Path) -> MediaFolder:
        return Fetched(tmp_path)


@pytest.fixture
def page(sandbox: Any) -> SignedInAccount:
    return visit(sandbox, "example")


def go_on(page: SignedInAccount, step: Step, notes: InMemoryProgress) -> Published:
    for _ in range(50):
        try:
            answer = page.connector.resume(step, progress=notes)
        except Unavailable:
            continue
        if isinstance(answer, Published):
            return answer
    raise AssertionError("it never came to an end")


def test_calls_are_made_with_the_pages_token_and_signed_with_it(page: SignedInAccount, sandbox: ExampleServer) -> None:
    page.connector.publish(step_of("Hello"), progress=InMemoryProgress())

    assert (page.token, page.target.remote_id) == ("page-anna", "page-of-anna")
    assert sandbox.calls[-1]["authorization"] == "Bearer page-anna"


def test_picture_is_fetched_by_its_link_and_waited_for(
    page: SignedInAccount, sandbox: ExampleServer, tmp_path: Path
) -> None:
    use = Fetched(tmp_path).picture()

    go_on(page, step_of(Content((Part("Look", (use,)),))), InMemoryProgress())

    assert [one["url"] for one in sandbox.files.values()] == [use.url]
    assert [call["operation"] for call in sandbox.calls[-4:]] == ["upload", "state", "state", "publish"]
    assert [len(post["media"]) for post in sandbox.rows] == [1]


@pytest.mark.parametrize("effect", ["", "reset_before", "accept_then_reset", "status_503", "html_502"])
def test_video_goes_up_in_stretches_and_on_from_where_it_stands(
    page: SignedInAccount, sandbox: ExampleServer, tmp_path: Path, effect: str
) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(bytes(range(250)) * 13)
    step = step_of(Content((Part("Film", (MediaUse("1", str(path), "video/mp4", 3_250, kind="video"),)),)))
    first = InMemoryProgress()
    assert isinstance(page.connector.publish(step, progress=first), Pending)
    if effect:
        sandbox.fault("example", "chunk", effect)

    go_on(page, step, InMemoryProgress(**first.data))  # a successor, with what was kept

    [video] = sandbox.files.values()
    assert (bytes(video["data"]), len(sandbox.rows), page.marks) == (path.read_bytes(), 1, 1)
    assert first.secrets == {"session_0"}
    chunks = [call for call in sandbox.calls if call["operation"] == "chunk"]
    assert {(call["authorization"], call["query"].get("proof")) for call in chunks} == {("OAuth page-anna", None)}


def test_token_does_not_follow_to_a_strange_address(
    page: SignedInAccount, sandbox: ExampleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mastablasta.core.outbound import CallFailed
    from tests.kit.raw_server import answer, raw_server, says

    with raw_server(says(answer())) as stranger:
        monkeypatch.setattr(sandbox, "upload_origin", stranger.url)
        use = MediaUse("1", "/nowhere", "video/mp4", 10, kind="video")
        with pytest.raises(CallFailed) as caught:
            page.connector.publish(step_of(Content((Part("Film", (use,)),))), progress=InMemoryProgress())

    assert (caught.value.code, stranger.requests) == ("strange_origin", [])


def test_person_whose_posts_nobody_can_see_is_told_so(page: SignedInAccount) -> None:
    person = replace(page.target, facts={"kind": "person"})
    page.target = person

    looked = page.connector.reconcile(
        step_of("Hello"), progress=InMemoryProgress(), since=datetime.now(UTC), known=NOTHING
    )

    assert isinstance(looked, CannotTell)


def test_end_of_a_pages_token_is_about_that_page_alone(page: SignedInAccount, sandbox: ExampleServer) -> None:
    sandbox.fault("example", "publish", "revoke_token")

    with pytest.raises(NeedsReconnect) as caught:
        page.connector.publish(step_of("Hello"), progress=InMemoryProgress())

    assert (caught.value.scope, caught.value.can_refresh) == ("account", False)


def test_accounts_of_one_platform_may_have_other_rules(page: SignedInAccount) -> None:
    main = page.connector.target
    side = replace(main, base_url=example_platform.SIDE_HOST)
    connector = type(page.connector)
    long, thread = Content((Part("x" * 201),)), Content((Part("One"), Part("Two")), post_type="thread")

    assert [connector.validate(one, main) for one in (long, thread)] == [[], []]
    assert [[p.code for p in connector.validate(one, side)] for one in (long, thread)] == [
        ["too_long"],
        ["post_type_not_supported"],
    ]
    assert connector.validate(long, None) == []
