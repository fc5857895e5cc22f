"""Cards, quotes and gates against the simulator, which refuses what the lexicons do not allow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from integrations.contract import CannotTell, Content, Found, LeaseLost, MediaUse, Part, Published
from integrations.errors import OutcomeUnknown, Rejected
from integrations.platforms.bluesky import cards
from integrations.platforms.bluesky.connector import BlueskyConnector
from integrations.platforms.bluesky.tests.test_contract import record, send
from integrations.protocols.web_pages import PageSummary, Picture
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of, visit
from tests.kit.media_contract import MediaFolder, go_on, png
from tests.world import Sandbox

LINK = "https://amsel.example/page?a=1"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
NOTHING: frozenset[str] = frozenset()


@pytest.fixture
def anna(sandbox: Sandbox) -> SignedInAccount:
    return visit(sandbox, "bluesky")


def with_options(*media: MediaUse, text: str = "Look", **options: Any) -> Content:
    return Content((Part(text, media),), options)


def problems(content: Content) -> list[tuple[str, str]]:
    found = BlueskyConnector.validate(content, None)
    return [(one.field.removeprefix("post_options.bluesky."), one.code) for one in found]


def says(monkeypatch: pytest.MonkeyPatch, page: PageSummary | None, picture: Picture | None = None) -> list[str]:
    """Let every page say this; return the addresses that are read."""
    read: list[str] = []

    def read_page(url: str) -> PageSummary | None:
        read.append(url)
        return page

    def read_picture(url: str, *, max_bytes: int) -> Picture | None:
        read.append(url)
        return picture if picture and len(picture.data) <= max_bytes else None

    monkeypatch.setattr(cards, "read_page", read_page)
    monkeypatch.setattr(cards, "read_picture", read_picture)
    return read


PAGE = PageSummary("Amsel", "A bird", "https://amsel.example/b.png")
PICTURE = Picture(png(3, 2), "image/png")

# --- cards -----------------------------------------------------------------------------------------------------------


def test_card_says_what_the_person_says_and_nothing_is_read(
    anna: SignedInAccount, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read = says(monkeypatch, PAGE)
    content = with_options(MediaFolder(tmp_path).picture(), link=LINK, link_title="Mine", link_description="Words")

    embed = record(anna, send(anna, content))["embed"]

    thumb = embed["external"].pop("thumb")
    assert embed == {
        "$type": "app.bsky.embed.external",
        "external": {"uri": LINK, "title": "Mine", "description": "Words"},
    }
    assert (thumb["mimeType"], read) == ("image/png", [])


@pytest.mark.parametrize(
    ("picture", "is_shown"),
    [(PICTURE, True), (None, False), (Picture(b"\x89PNG\r\n\x1a\n" + b"x" * 1_000_000, "image/png"), False)],
    ids=["with its picture", "without", "too large"],
)
def test_card_says_what_the_page_says_and_is_read_once(
    anna: SignedInAccount, monkeypatch: pytest.MonkeyPatch, picture: Picture | None, is_shown: bool
) -> None:
    read, notes = says(monkeypatch, PAGE, picture), InMemoryProgress()
    anna.fault("status_503")
    step = step_of(with_options(link=LINK, link_description="Mine"))

    with pytest.raises(Exception, match="503"):
        anna.connector.publish(step, progress=notes)
    published = go_on(anna, step, notes)

    card = record(anna, published)["embed"]["external"]
    assert ("thumb" in card, card["title"], card["description"]) == (is_shown, "Amsel", "Mine")
    assert read == [LINK, PAGE.picture]


def test_picture_that_the_person_names_is_the_cards(
    anna: SignedInAccount, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read = says(monkeypatch, PAGE, PICTURE)
    options = {"link": LINK, "link_title": "Mine", "link_image": "https://amsel.example/other.png"}

    named = record(anna, send(anna, with_options(**options)))
    own = record(anna, send(anna, with_options(MediaFolder(tmp_path).picture(9, 9), **options), key="another.1"))

    thumbs = [one["embed"]["external"]["thumb"] for one in (named, own)]
    assert thumbs[0]["size"] == len(PICTURE.data)
    assert (thumbs[0] == thumbs[1], read) == (False, [options["link_image"]])


def test_page_that_refuses_gives_a_plain_post(anna: SignedInAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, None)

    published = send(anna, with_options(link=LINK))

    assert (anna.texts(), "embed" in record(anna, published)) == (["Look"], False)


def test_picture_of_a_page_that_the_service_refuses_or_forgets_is_left_out(
    anna: SignedInAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, PAGE, PICTURE)
    anna.sandbox.instance("bluesky", blob_upload_limit=10)
    refused = record(anna, send(anna, with_options(link=LINK)))
    anna.sandbox.instance("bluesky", blob_upload_limit=1_000_000)
    anna.fault("blob_not_found")

    forgotten = record(anna, go_on(anna, step_of(with_options(link=LINK), key="another.1"), InMemoryProgress()))

    for shown in (refused, forgotten):
        assert shown["embed"]["external"] == {"uri": LINK, "title": "Amsel", "description": "A bird"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"link": LINK}, []),
        ({"link": LINK, "link_title": "x" * 300, "link_description": "x" * 1_000}, []),
        ({"link": LINK, "link_title": "x" * 301}, [("link_title", "too_long")]),
        ({"link": LINK, "link_description": "x" * 1_001}, [("link_description", "too_long")]),
        ({"link": "https://a.example/" + "x" * 1_983}, [("link", "too_long")]),
        ({"link": "amsel.example"}, [("link", "invalid_format")]),
        ({"link_title": "Amsel"}, [("link", "required")]),
        ({"link": LINK, "link_image": "b.png"}, [("link_image", "invalid_format")]),
    ],
)
def test_what_a_card_may_say(options: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert problems(with_options(**options)) == expected


@pytest.mark.parametrize(
    ("kinds", "expected"), [(["image"], []), (["image", "image"], ["link"]), (["video"], ["link"])]
)
def test_card_shows_one_picture(kinds: list[str], expected: list[str]) -> None:
    media = [MediaUse(f"asset-{number}", "", f"{kind}/any", 0, kind=kind) for number, kind in enumerate(kinds)]

    assert problems(with_options(*media, link=LINK)) == [(name, "contradiction") for name in expected]
    assert BlueskyConnector.is_one_step(with_options(link=LINK)) is False


# --- quotes ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def quoted(sandbox: Sandbox) -> dict[str, Any]:
    """What names a post of berta's, in the words that it may be named by."""
    berta = visit(sandbox, "bluesky", "berta")
    published = send(berta, "Quote me")
    key, handle = published.remote_id.rpartition("/")[2], berta.target.handle.removeprefix("@")
    return {
        "uri": published.remote_id,
        "cid": published.facts["cid"],
        "uri with handle": f"at://{handle}/app.bsky.feed.post/{key}",
        "page": f"https://bsky.app/profile/{berta.target.remote_id}/post/{key}",
        "page with handle": f"https://bsky.app/profile/{handle}/post/{key}",
    }


@pytest.mark.parametrize("how", ["uri", "uri with handle", "page", "page with handle"])
def test_post_is_quoted_by_whatever_names_it(anna: SignedInAccount, quoted: dict[str, Any], how: str) -> None:
    content = with_options(quote=quoted[how])

    embed = record(anna, send(anna, content))["embed"]

    reference = {"uri": quoted["uri"], "cid": quoted["cid"]}
    assert embed == {"$type": "app.bsky.embed.record", "record": reference}
    assert (problems(content), BlueskyConnector.is_one_step(content)) == ([], False)


@pytest.mark.parametrize("beside", ["pictures", "card"])
def test_post_that_quotes_shows_something_beside(
    anna: SignedInAccount, quoted: dict[str, Any], tmp_path: Path, beside: str
) -> None:
    uses = [MediaFolder(tmp_path).picture()]
    options = {"link": LINK, "link_title": "Amsel"} if beside == "card" else {}
    content = with_options(*uses, quote=quoted["uri"], **options)

    published = go_on(anna, step_of(content), InMemoryProgress())

    embed = record(anna, published)["embed"]
    kind = "external" if beside == "card" else "images"
    assert (embed["$type"], embed["media"]["$type"]) == ("app.bsky.embed.recordWithMedia", f"app.bsky.embed.{kind}")
    assert embed["record"]["record"]["uri"] == quoted["uri"]
    assert len(anna.sandbox.posts("bluesky")[1]["media"]) == (beside == "pictures")


def test_quote_whose_answer_was_lost_is_found_and_not_looked_for_again(
    anna: SignedInAccount, quoted: dict[str, Any]
) -> None:
    step, notes = step_of(with_options(quote=quoted["uri"])), InMemoryProgress()
    anna.fault("accept_then_reset")
    with pytest.raises(OutcomeUnknown):
        anna.connector.publish(step, progress=notes)

    found = anna.connector.reconcile(step, progress=notes, since=LONG_AGO, known=NOTHING)
    again = anna.connector.publish(step, progress=notes)

    assert isinstance(found, Found)
    assert isinstance(again, Published)
    assert (again.remote_id, anna.texts(), anna.calls("metrics")) == (found.remote_id, ["Quote me", "Look"], 1)


@pytest.mark.parametrize("whose", ["did:plc:ewvi7nxzyoun6zhxrhs64oiz", "nobody.bsky.social"])
def test_quote_of_nothing_is_refused_before_anything_is_out(anna: SignedInAccount, whose: str) -> None:
    with pytest.raises(Rejected) as caught:
        send(anna, with_options(quote=f"at://{whose}/app.bsky.feed.post/3jzfcijpj2z2a"))

    assert (caught.value.code, anna.texts()) == ("quote_not_found", [])
    assert "post_options.bluesky.quote" in caught.value.message


@pytest.mark.parametrize(
    "address",
    ["at://anna/app.bsky.feed.post/3k", "at://did:plc:a/app.bsky.feed.like/3k", "https://bsky.app/profile/a.b",
     "https://bsky.app.evil.example/profile/a.b/post/3k", "at://did:plc:a/app.bsky.feed.post/3k\n"],
)  # fmt: skip
def test_what_names_no_post_is_no_quote(address: str) -> None:
    assert problems(with_options(quote=address)) == [("quote", "invalid_format")]


# --- gates -----------------------------------------------------------------------------------------------------------
THREADGATE, POSTGATE = "app.bsky.feed.threadgate", "app.bsky.feed.postgate"


def gate(anna: SignedInAccount, collection: str, key: str) -> Any:
    """What the gate under this key says; None where there is none."""
    params = {"repo": anna.target.remote_id, "collection": collection, "rkey": key.rpartition("/")[2]}
    return anna.connector.http.get("/xrpc/com.atproto.repo.getRecord", params=params).fields().get("value")


def test_gates_say_who_may_reply_and_that_nobody_quotes(anna: SignedInAccount, sandbox: Sandbox) -> None:
    handle = anna.target.handle.removeprefix("@")
    lists = [f"https://bsky.app/profile/{handle}/lists/3k", "at://did:plc:a/app.bsky.graph.list/3l"]
    content = with_options(threadgate=["mentionRule", "followerRule", *lists], postgate=["disableRule"])

    published = send(anna, content)

    replies, quotes = gate(anna, THREADGATE, published.remote_id), gate(anna, POSTGATE, published.remote_id)
    assert replies["post"] == quotes["post"] == published.remote_id
    assert replies["allow"] == [
        {"$type": f"{THREADGATE}#mentionRule"},
        {"$type": f"{THREADGATE}#followerRule"},
        {"$type": f"{THREADGATE}#listRule", "list": f"at://{anna.target.remote_id}/app.bsky.graph.list/3k"},
        {"$type": f"{THREADGATE}#listRule", "list": lists[1]},
    ]
    assert quotes["embeddingRules"] == [{"$type": f"{POSTGATE}#disableRule"}]
    assert (problems(content), anna.marks) == ([], 1)

    with pytest.raises(Rejected) as caught:
        send(visit(sandbox, "bluesky", "berta"), with_options(quote=published.remote_id))
    assert (caught.value.code, anna.texts()) == ("quote_not_allowed", ["Look"])


def test_replies_are_gated_at_the_root_and_quotes_at_each_part(anna: SignedInAccount) -> None:
    options = {"threadgate": [], "postgate": ["disableRule"], "link": LINK, "link_title": "Amsel"}
    content = Content((Part("One"), Part("Two", kind="reply")), options, "thread")

    root = send(anna, content)
    reply = send(anna, content, root)

    assert gate(anna, THREADGATE, root.remote_id)["allow"] == []
    assert [bool(gate(anna, THREADGATE, reply.remote_id)), bool(gate(anna, POSTGATE, reply.remote_id))] == [False, True]
    assert ["embed" in record(anna, one) for one in (root, reply)] == [True, False]


@pytest.mark.parametrize("effect", ["reset_before", "accept_then_reset", "accept_then_500", "garbage_200"])
def test_gate_whose_answer_was_lost_is_written_when_the_post_is_looked_up(anna: SignedInAccount, effect: str) -> None:
    step, notes = step_of(with_options(threadgate=[], postgate=["disableRule"])), InMemoryProgress()
    anna.fault(effect, operation="other")
    with pytest.raises(OutcomeUnknown) as caught:
        anna.connector.publish(step, progress=notes)

    found = anna.connector.reconcile(step, progress=notes, since=LONG_AGO, known=NOTHING)

    assert isinstance(found, Found)
    assert (caught.value.code, anna.texts(), anna.calls("publish")) == ("gate_missing", ["Look"], 1)
    assert gate(anna, THREADGATE, found.remote_id)["allow"] == []
    assert gate(anna, POSTGATE, found.remote_id)


def test_gate_that_is_refused_is_for_a_person_to_see(anna: SignedInAccount) -> None:
    step = step_of(with_options(threadgate=[]))
    anna.fault("reject_content", "other", times=2)
    with pytest.raises(OutcomeUnknown):
        anna.connector.publish(step, progress=InMemoryProgress())

    looked = anna.connector.reconcile(step, progress=InMemoryProgress(), since=LONG_AGO, known=NOTHING)

    assert isinstance(looked, CannotTell)
    assert looked.reason.startswith("the post is out")


def test_list_of_nobody_is_refused_before_anything_is_out(anna: SignedInAccount) -> None:
    with pytest.raises(Rejected) as caught:
        send(anna, with_options(threadgate=["at://nobody.bsky.social/app.bsky.graph.list/3k"]))

    assert (caught.value.code, anna.texts()) == ("list_not_found", [])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"threadgate": ["followingRule"] * 5, "postgate": []}, []),
        ({"threadgate": ["followingRule"] * 6}, [("threadgate", "too_many")]),
        ({"threadgate": ["everybody"]}, [("threadgate", "invalid_format")]),
        ({"threadgate": ["at://did:plc:a/app.bsky.feed.post/3k"]}, [("threadgate", "invalid_format")]),
        ({"threadgate": "mentionRule"}, [("threadgate", "invalid_type")]),
        ({"postgate": ["mentionRule"]}, [("postgate", "invalid_choice")]),
    ],
)
def test_what_a_gate_may_say(options: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert problems(with_options(**options)) == expected
    assert BlueskyConnector.is_one_step(with_options(**options)) is False


# --- captions --------------------------------------------------------------------------------------------------------
VTT = b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"


def captions(folder: MediaFolder, text: bytes = VTT) -> MediaUse:
    return folder.use(text, "text/vtt", kind="captions", role="captions")


@pytest.mark.parametrize("has_quote", [False, True])
def test_video_has_its_captions_each_with_its_language(
    anna: SignedInAccount, quoted: dict[str, Any], tmp_path: Path, has_quote: bool
) -> None:
    """They are there with the post, since they are part of its record; a worker that dies sends none of them twice."""
    anna.sandbox.instance("bluesky", video_processing_ms=0)
    folder = MediaFolder(tmp_path)
    uses = [captions(folder), folder.video(), captions(folder, VTT.replace(b"Hello", b"Hallo"))]
    options = {"captions": [{"lang": "en"}, {"lang": "de"}], **({"quote": quoted["uri"]} if has_quote else {})}
    content, dying = with_options(*uses, **options), InMemoryProgress()
    dying.stops_at = 2
    with pytest.raises(LeaseLost):
        go_on(anna, step_of(content), dying)

    published = go_on(anna, step_of(content), InMemoryProgress(**dying.data))

    embed = record(anna, published)["embed"]
    video = embed["media"] if has_quote else embed
    assert [one["lang"] for one in video["captions"]] == ["en", "de"]
    assert [one["file"]["mimeType"] for one in video["captions"]] == ["text/vtt", "text/vtt"]
    assert [one["file"]["size"] for one in video["captions"]] == [uses[0].size, uses[2].size]
    assert len({one["file"]["ref"]["$link"] for one in video["captions"]}) == 2
    assert [one["mime_type"] for one in anna.sandbox.posts("bluesky")[-1]["media"]] == ["video/mp4"]
    assert problems(content) == []


def test_captions_of_a_thread_are_those_of_each_part(anna: SignedInAccount, tmp_path: Path) -> None:
    anna.sandbox.instance("bluesky", video_processing_ms=0)
    folder = MediaFolder(tmp_path)
    first, second = (folder.video(), captions(folder)), (folder.video(b"2"), captions(folder))
    options = {"captions": [{"lang": "en"}, {"lang": "de"}]}
    thread = Content((Part("One", first), Part("Two", second, kind="reply")), options, "thread")

    sent: list[Published] = []
    for _ in thread.parts:
        sent.append(go_on(anna, step_of(thread, *sent), InMemoryProgress()))

    shown = [record(anna, one)["embed"]["captions"] for one in sent]
    assert [[one["lang"] for one in of] for of in shown] == [["en"], ["de"]]


def test_what_captions_may_be(tmp_path: Path) -> None:
    folder = MediaFolder(tmp_path)
    video, picture, english = folder.video(), folder.picture(), captions(folder)
    said = {"captions": [{"lang": "en"}]}
    wrong_role = replace(picture, role="captions")
    cases = {
        "fine": (with_options(video, english, **said), []),
        "no language": (with_options(video, english), [("captions", "required")]),
        "no file": (with_options(video, **said), [("captions", "contradiction")]),
        "no video": (with_options(picture, english, **said), [("media.1", "captions_not_supported")]),
        "a picture": (with_options(video, wrong_role, **said), [("media.1", "captions_not_supported")]),
        "as content": (with_options(video, replace(english, role="content")), [("media.1", "media_not_supported")]),
        "twice": (
            with_options(video, english, english, captions=[{"lang": "en"}] * 2),
            [("captions", "duplicate_text")],
        ),
        "of no language": (with_options(video, english, captions=[{"lang": "?"}]), [("captions", "invalid_format")]),
        "unnamed": (with_options(video, english, captions=[{}]), [("captions", "required")]),
    }

    assert {name: problems(content) for name, (content, _) in cases.items()} == {
        name: expected for name, (_, expected) in cases.items()
    }
