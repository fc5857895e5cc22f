"""YouTube against the simulator: videos whatever breaks on their way, thumbnails, playlists, comments."""

from __future__ import annotations

import json
import time
import urllib.request
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.contract import Absent, CannotTell, Content, Found, LeaseLost, MediaUse, Part, Pending, Step
from integrations.errors import OperatorProblem, OutcomeUnknown, RateLimited, Rejected, Unavailable
from integrations.platforms.youtube import uploads
from integrations.platforms.youtube.captions import add_captions
from integrations.platforms.youtube.connector import YouTubeConnector
from integrations.platforms.youtube.videos import title_of
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of, visit
from tests.kit.media_contract import MediaContract, MediaFolder, go_on, row, with_media
from tests.world import Sandbox

NOTHING: frozenset[str] = frozenset()
STRETCH = 262_144


class Films(MediaFolder):
    """Every file that a post needs is a video."""

    def picture(self, width: int = 6, height: int = 5, **more: Any) -> MediaUse:
        return self.video(bytes([width, height]), **more)

    def cover(self) -> MediaUse:
        return replace(super().picture(), role="cover")

    def captions(self, text: bytes = b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n") -> MediaUse:
        return self.use(text, "text/vtt", kind="captions", role="captions")


def settings(sandbox: Sandbox, **changes: Any) -> None:
    sandbox.instance("youtube", **changes)


@pytest.fixture
def folder(tmp_path: Path) -> Films:
    return Films(tmp_path)


@pytest.fixture
def anna(sandbox: Sandbox) -> SignedInAccount:
    settings(sandbox, video_processing_ms=0)
    return visit(sandbox, "youtube")


@pytest.fixture
def before() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=2)


class TestYouTube(MediaContract):
    slug = "youtube"

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Films:
        self.files = Films(tmp_path)
        return self.files

    @pytest.fixture
    def anna(self, sandbox: Sandbox, folder: Films) -> SignedInAccount:
        settings(sandbox, video_processing_ms=0)
        return visit(sandbox, self.slug)

    def content(self, text: str) -> Content:
        return with_media(self.files.video(), text=text)

    def one_of(self, kind: str, anna: SignedInAccount, folder: Any, **more: Any) -> MediaUse:
        """Videos have no alt text there."""
        more.pop("alt_text", None)
        return super().one_of(kind, anna, folder, **more)

    @pytest.mark.parametrize("text", ["Look"])
    @pytest.mark.parametrize("kind", ["video"])
    def test_file_arrives_whole_with_its_alt_text(
        self, anna: SignedInAccount, folder: MediaFolder, kind: str, text: str
    ) -> None:
        """Without a text it has no title, and is refused before."""
        super().test_file_arrives_whole_with_its_alt_text(anna, folder, kind, text)

    @pytest.mark.parametrize("text", ["Lost reply"])
    def test_lost_reply_to_a_post_with_files_is_found(
        self, anna: SignedInAccount, folder: MediaFolder, before: datetime, text: str
    ) -> None:
        super().test_lost_reply_to_a_post_with_files_is_found(anna, folder, before, text)

    def test_pictures_arrive_in_their_order(self, anna: SignedInAccount, folder: MediaFolder) -> None:
        pytest.skip("a post there has one video")


# --- over the session, whatever breaks ---


def long_film(folder: Films) -> MediaUse:
    return folder.video(b"x" * (3 * STRETCH))


@pytest.fixture
def small_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a small file is several of them, and each call sends one."""
    monkeypatch.setattr(uploads, "CHUNK", STRETCH)
    monkeypatch.setattr(uploads.Film, "chunk_bytes", STRETCH)
    monkeypatch.setattr(uploads.Film, "at_once_bytes", STRETCH)


@pytest.mark.usefixtures("small_stretches")
@pytest.mark.parametrize("effect", ["accept_then_reset", "reset_before", "accept_then_500", "garbage_200"])
@pytest.mark.parametrize("place", [1, 3])
def test_stretch_whose_answer_is_lost_is_asked_for_and_not_sent_again(
    anna: SignedInAccount, folder: Films, effect: str, place: int
) -> None:
    use = long_film(folder)
    step, notes = step_of(with_media(use)), InMemoryProgress()
    for _ in range(place):
        anna.connector.publish(step, progress=notes)
    anna.fault(effect, operation="upload")

    with pytest.raises(Unavailable):
        anna.connector.resume(step, progress=notes)
    published = go_on(anna, step, InMemoryProgress(**notes.data))

    [post] = anna.sandbox.posts("youtube")
    assert (published.remote_id, post["media"]) == (post["id"], [row(use)])
    assert (anna.marks, notes.secrets) == (1, {uploads.SESSION})


@pytest.mark.usefixtures("small_stretches")
@pytest.mark.parametrize("lie", ["ahead", "behind", "silent"])
def test_session_that_says_what_cannot_be_is_not_believed(anna: SignedInAccount, folder: Films, lie: str) -> None:
    step, notes = step_of(with_media(long_film(folder))), InMemoryProgress()
    anna.connector.publish(step, progress=notes)
    settings(anna.sandbox, range_lie=lie)

    with pytest.raises(Unavailable):
        send_until_it_lies(anna, step, notes)

    settings(anna.sandbox, range_lie="")
    go_on(anna, step, InMemoryProgress(**notes.data))
    assert len(anna.sandbox.posts("youtube")) == 1


def send_until_it_lies(anna: SignedInAccount, step: Step, notes: InMemoryProgress) -> None:
    """Whoever asks what has arrived before going on may be told less, and sends it again."""
    for _ in range(3):
        anna.connector.publish(step, progress=notes)


@pytest.mark.usefixtures("small_stretches")
@pytest.mark.parametrize("is_whole", [True, False])
def test_session_that_is_gone_is_begun_anew_only_if_it_made_no_video(
    anna: SignedInAccount, folder: Films, is_whole: bool
) -> None:
    """The video is found by what its draft says, though its id was lost with the worker that sent the last stretch."""
    use = folder.video() if is_whole else long_film(folder)
    step, dying = step_of(with_media(use)), InMemoryProgress()
    dying.stops_at = 2  # the session is kept, and what came of the first stretch is not
    with pytest.raises(LeaseLost):
        anna.connector.publish(step, progress=dying)
    settings(anna.sandbox, session_ttl_s=0)
    notes = InMemoryProgress(**dying.data)
    anna.connector.publish(step, progress=notes)
    settings(anna.sandbox, session_ttl_s=600)

    published = go_on(anna, step, notes)

    [post] = anna.sandbox.posts("youtube")
    assert (published.remote_id, post["media"]) == (post["id"], [row(use)])
    assert uploads_begun(anna) == (1 if is_whole else 2)


@pytest.mark.usefixtures("small_stretches")
def test_no_stretch_is_sent_twice_whenever_the_worker_dies(
    anna: SignedInAccount, folder: Films, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at each thing that it would keep, once; whoever comes next asks what has arrived."""
    sent: list[int] = []
    transfer = uploads.Film.transfer

    def counted(self: uploads.Film, size: int, path: str, **how: Any) -> Any:
        sent.append(size)
        return transfer(self, size, path, **how)

    monkeypatch.setattr(uploads.Film, "transfer", counted)
    use = long_film(folder)
    step, notes = step_of(with_media(use)), InMemoryProgress()
    for saves in (2, 0, 1, 0, 1, 0):  # once a stretch was answered, and once what had arrived
        notes = InMemoryProgress(**notes.data)
        notes.stops_at = saves
        with pytest.raises(LeaseLost):
            anna.connector.publish(step, progress=notes)

    go_on(anna, step, InMemoryProgress(**notes.data))

    assert (sum(sent), uploads_begun(anna)) == (use.size, 1)
    assert [post["media"] for post in anna.sandbox.posts("youtube")] == [[row(use)]]


def uploads_begun(anna: SignedInAccount) -> int:
    calls = anna.sandbox.requests("youtube")
    return sum(call["method"] == "POST" and call["path"].endswith("/upload/youtube/v3/videos") for call in calls)


def test_video_that_look_ups_do_not_know_yet_is_shown_again_and_is_one(
    anna: SignedInAccount, folder: Films, before: datetime
) -> None:
    anna.sandbox.limits(lookup_lag_ms=60_000)
    step, notes = step_of(with_media(folder.video())), InMemoryProgress()
    anna.fault("accept_then_reset")
    with pytest.raises(OutcomeUnknown):
        go_on(anna, step, notes)

    looked = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)
    published = go_on(anna, step, notes)

    [post] = anna.sandbox.posts("youtube")
    assert (looked, published.remote_id, anna.calls("publish")) == (Absent(), post["id"], 2)


# --- what YouTube makes of it ---


@pytest.mark.parametrize(
    ("setting", "reason", "code", "words"),
    [
        ("failure", "codec", "media_failed", "does not know the codec"),
        ("failure", "uploadAborted", "media_failed", "broken off"),
        ("rejection", "duplicate", "duplicate", "has this video already"),
        ("rejection", "length", "media_refused", "verify the channel by phone"),
        ("rejection", "copyright", "media_refused", "infringes a copyright"),
    ],
)
def test_video_that_youtube_does_not_take_says_why_and_is_seen_by_nobody(
    anna: SignedInAccount, folder: Films, setting: str, reason: str, code: str, words: str
) -> None:
    settings(anna.sandbox, **{setting: reason})

    with pytest.raises(Rejected, match=words) as caught:
        go_on(anna, step_of(with_media(folder.video())), InMemoryProgress())

    assert (caught.value.code, anna.texts(), anna.marks) == (code, [], 0)


def test_video_has_what_was_asked_for(anna: SignedInAccount, folder: Films) -> None:
    """One row of each kind of option, as YouTube has it in the end."""
    settings(anna.sandbox, playlists=["PLanna"])
    options = {
        "title": "A title", "tags": ["cat", "two words"], "category_id": "15", "privacy_status": "unlisted",
        "made_for_kids": False, "contains_synthetic_media": True, "license": "creativeCommon", "embeddable": False,
        "public_stats_viewable": False, "default_language": "de", "default_audio_language": "en",
        "has_paid_product_placement": True, "notify_subscribers": False, "playlist_id": "PLanna",
    }  # fmt: skip
    film, cover = folder.video(), folder.cover()
    content = Content((Part("Words", (cover, film)),), options)

    published = go_on(anna, step_of(content), InMemoryProgress())

    parts = {"part": "snippet,status,paidProductPlacementDetails", "id": published.remote_id}
    [video] = anna.connector.http.get("/youtube/v3/videos", params=parts).fields()["items"]
    snippet, status = video["snippet"], video["status"]
    assert (snippet["title"], snippet["description"], snippet["tags"]) == ("A title", "Words", ["cat", "two words"])
    assert (snippet["categoryId"], snippet["defaultLanguage"], snippet["defaultAudioLanguage"]) == ("15", "de", "en")
    assert video["paidProductPlacementDetails"] == {"hasPaidProductPlacement": True}
    wanted = {
        "privacyStatus": "unlisted", "selfDeclaredMadeForKids": False, "containsSyntheticMedia": True,
        "license": "creativeCommon", "embeddable": False, "publicStatsViewable": False, "uploadStatus": "processed",
    }  # fmt: skip
    assert status == wanted
    asked = {"part": "id", "playlistId": "PLanna"}
    assert len(anna.connector.http.get("/youtube/v3/playlistItems", params=asked).fields()["items"]) == 1
    assert published.url == f"https://www.youtube.com/watch?v={published.remote_id}"


def test_video_that_youtube_publishes_by_itself_is_private_until_then_and_found(
    anna: SignedInAccount, folder: Films, before: datetime
) -> None:
    content = replace(with_media(folder.video()), options={"publish_at": "2031-01-01T09:00:00Z"})
    step, notes = step_of(content), InMemoryProgress()
    anna.fault("accept_then_reset")
    with pytest.raises(OutcomeUnknown):
        go_on(anna, step, notes)

    found = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

    assert isinstance(found, Found)
    params = {"part": "status", "id": found.remote_id}
    [video] = anna.connector.http.get("/youtube/v3/videos", params=params).fields()["items"]
    assert (video["status"]["privacyStatus"], video["status"]["publishAt"]) == ("private", "2031-01-01T09:00:00Z")


@pytest.mark.parametrize(
    ("shape", "is_short"),
    [
        ({"width": 9, "height": 16, "duration_s": 180.0}, True),
        ({"width": 16, "height": 16, "duration_s": 3.0}, True),
        ({"width": 9, "height": 16, "duration_s": 180.1}, False),
        ({"width": 16, "height": 9, "duration_s": 3.0}, False),
    ],
)
def test_short_is_what_its_form_and_length_make_it(
    anna: SignedInAccount, folder: Films, shape: dict[str, Any], is_short: bool
) -> None:
    published = go_on(anna, step_of(with_media(folder.video(**shape))), InMemoryProgress())

    assert ("/shorts/" in published.url) is is_short


def test_thumbnail_that_is_refused_stops_the_video_before_anybody_sees_it(anna: SignedInAccount, folder: Films) -> None:
    """Once the channel is verified, the same step goes on, and what is uploaded is not uploaded again."""
    settings(anna.sandbox, unverified=["anna"])
    step, notes = step_of(Content((Part("Look", (folder.video(), folder.cover())),))), InMemoryProgress()
    with pytest.raises(Rejected) as caught:
        go_on(anna, step, notes)
    refused = (caught.value.code, anna.texts())

    settings(anna.sandbox, unverified=[])
    go_on(anna, step, notes)

    assert (refused, anna.texts(), uploads_begun(anna)) == (("cover_refused", []), ["Look"], 1)


ENGLISH, GERMAN = {"language": "en"}, {"language": "de", "name": "Deutsch"}


def captions_at(anna: SignedInAccount) -> list[tuple[str, str, bytes]]:
    """The captions of the one video that the world sees: language, name and text, as its owner gets them."""
    [video] = anna.sandbox.posts("youtube")

    def read(path: str) -> bytes:
        address = f"{anna.target.base_url}/youtube/v3/captions{path}"
        asked = urllib.request.Request(address, headers={"Authorization": f"Bearer {anna.token}"})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return bytes(answer.read())

    tracks = json.loads(read(f"?part=snippet&videoId={video['id']}"))["items"]
    return [(one["snippet"]["language"], one["snippet"]["name"], read(f"/{one['id']}")) for one in tracks]


def captioned(folder: Films) -> Step:
    english, german = folder.captions(), folder.captions(b"WEBVTT\n\n00:00.000 --> 00:01.000\nHallo\n")
    return step_of(Content((Part("Look", (english, folder.video(), german)),), {"captions": [ENGLISH, GERMAN]}))


def all_captions(step: Step) -> list[tuple[str, str, bytes]]:
    texts = [Path(use.path).read_bytes() for use in step.part.media if use.role == "captions"]
    return [("en", "", texts[0]), ("de", "Deutsch", texts[1])]


def is_out(anna: SignedInAccount, step: Step, notes: InMemoryProgress, before: datetime) -> Found:
    """Look the video up, as the engine does until it is there whole."""
    for _ in range(5):
        notes = InMemoryProgress(**notes.data)
        with suppress(Unavailable):
            found = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)
            assert isinstance(found, Found)
            return found
    raise AssertionError("it is never there whole")


@pytest.mark.parametrize("effect", ["accept_then_reset", "reset_before", "garbage_200", "status_503"])
@pytest.mark.parametrize("operation", ["other", "upload"])  # announcing them, sending them
def test_video_whose_captions_get_no_answer_is_out_and_has_them_once_when_it_is_looked_up(
    anna: SignedInAccount, folder: Films, before: datetime, operation: str, effect: str
) -> None:
    step = captioned(folder)
    notes = film_is_up(anna, step, InMemoryProgress())
    anna.fault(effect, operation=operation)

    with pytest.raises(OutcomeUnknown, match="The video is out, but not yet its captions") as caught:
        anna.connector.publish(step, progress=notes)
    found = is_out(anna, step, notes, before)

    [post] = anna.sandbox.posts("youtube")
    assert (caught.value.code, found.remote_id) == ("captions_missing", post["id"])
    assert captions_at(anna) == all_captions(step)
    assert (uploads_begun(anna), anna.calls("publish")) == (1, 1)


def test_captions_are_there_once_wherever_the_worker_dies(
    anna: SignedInAccount, folder: Films, before: datetime
) -> None:
    """Whoever follows looks up what was marked, and adds what the video lacks."""
    step = captioned(folder)
    notes = film_is_up(anna, step, InMemoryProgress())
    notes = InMemoryProgress(**notes.data)
    notes.stops_at = 0
    with pytest.raises(LeaseLost):
        anna.connector.publish(step, progress=notes)
    for saves in (1, 0, 1, 0):  # before and after each thing that is kept of them
        notes = InMemoryProgress(**notes.data)
        notes.stops_at = saves
        with pytest.raises(LeaseLost):
            anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

    is_out(anna, step, notes, before)

    assert (captions_at(anna), uploads_begun(anna), anna.calls("publish")) == (all_captions(step), 1, 1)


def test_captions_that_are_refused_are_for_a_person_who_gets_no_second_video_by_trying_again(
    anna: SignedInAccount, folder: Films, before: datetime
) -> None:
    broken = replace(folder.captions(b"hello"), size=5)
    step = step_of(Content((Part("Look", (folder.video(), broken)),), {"captions": [ENGLISH]}))
    notes = InMemoryProgress()
    with pytest.raises(OutcomeUnknown, match=r"Captions \(en\): YouTube does not take these captions"):
        go_on(anna, step, notes)
    looked = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)
    seen = anna.texts()

    Path(broken.path).write_bytes(b"WEBVTT")
    go_on(anna, replace(step, content=replaced(step, broken, size=6)), notes)

    assert isinstance(looked, CannotTell)
    assert "the video is out, but without its captions" in looked.reason
    assert (seen, anna.texts(), uploads_begun(anna)) == (["Look"], ["Look"], 1)
    assert captions_at(anna) == [("en", "", b"WEBVTT")]


def replaced(step: Step, use: MediaUse, **changes: Any) -> Content:
    [part] = step.content.parts
    media = tuple(replace(one, **changes) if one is use else one for one in part.media)
    return replace(step.content, parts=(replace(part, media=media),))


def test_captions_that_the_quota_has_no_room_for_are_added_the_next_day(
    anna: SignedInAccount, folder: Films, before: datetime
) -> None:
    settings(anna.sandbox, daily_units=500)
    step, notes = captioned(folder), InMemoryProgress()

    with pytest.raises(OutcomeUnknown, match="quota at YouTube is used up until midnight in California"):
        go_on(anna, step, notes)
    with pytest.raises(RateLimited) as caught:
        anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)
    settings(anna.sandbox, daily_units=10_000)
    is_out(anna, step, notes, before)

    assert (caught.value.code, caught.value.scope, uploads_begun(anna)) == ("quota_used_up", "host", 1)
    assert [language for language, _, _ in captions_at(anna)] == ["en", "de"]


def test_captions_of_somebody_else_in_their_place_are_no_reason_to_call_ours_there(
    anna: SignedInAccount, folder: Films, before: datetime
) -> None:
    """YouTube says that it has some of this language before we have sent any: a person has to look."""
    step, notes = captioned(folder), InMemoryProgress()
    notes = film_is_up(anna, step, notes)
    video_id = notes.data["media"]["0"]["id"]
    add_captions(anna.connector.http, video_id, [(folder.captions(), ENGLISH)], InMemoryProgress())

    with pytest.raises(OutcomeUnknown, match="of this language and name already"):
        anna.connector.publish(step, progress=notes)

    assert anna.texts() == ["Look"]


def film_is_up(anna: SignedInAccount, step: Step, notes: InMemoryProgress) -> InMemoryProgress:
    """Upload the video alone, until YouTube has finished with it."""
    film = uploads.Film(anna.connector.http, anna.target, step, notes, look_up=lambda _: "")
    while film.go_on():
        time.sleep(0.01)
    return notes


def test_video_is_in_its_playlist_once_whatever_dies(anna: SignedInAccount, folder: Films) -> None:
    settings(anna.sandbox, playlists=["PLanna"])
    content = replace(with_media(folder.video()), options={"playlist_id": "PLanna"})
    step, notes = step_of(content), InMemoryProgress()
    anna.fault("accept_then_reset", operation="other")  # adding it
    with pytest.raises(Unavailable):
        go_on(anna, step, notes)

    go_on(anna, step, notes)

    asked = {"part": "id", "playlistId": "PLanna"}
    assert len(anna.connector.http.get("/youtube/v3/playlistItems", params=asked).fields()["items"]) == 1
    elsewhere = replace(content, options={"playlist_id": "PLother"})
    with pytest.raises(Rejected) as caught:
        go_on(anna, step_of(elsewhere, key="k.2"), InMemoryProgress())
    assert caught.value.code == "playlist_refused"


def test_video_that_stays_private_against_our_will_is_the_operators_matter(
    anna: SignedInAccount, folder: Films, before: datetime
) -> None:
    settings(anna.sandbox, keeps_private=True)
    step, notes = step_of(with_media(folder.video())), InMemoryProgress()
    with pytest.raises(OperatorProblem) as caught:
        go_on(anna, step, notes)
    looked = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)
    settings(anna.sandbox, keeps_private=False)

    published = go_on(anna, step, notes)

    assert looked == Absent()
    assert (caught.value.code, anna.texts(), uploads_begun(anna)) == ("privacy_forced", ["Look"], 1)
    assert published.remote_id == anna.sandbox.posts("youtube")[0]["id"]


def test_video_that_was_deleted_before_it_was_shown_is_uploaded_once_more(anna: SignedInAccount, folder: Films) -> None:
    step, notes = step_of(with_media(folder.video())), InMemoryProgress()
    anna.fault("reject_content")
    with pytest.raises(Rejected):
        go_on(anna, step, notes)
    anna.connector.delete(str(notes.data["media"]["0"]["id"]))

    assert isinstance(anna.connector.publish(step, progress=notes), Pending)
    go_on(anna, step, notes)

    assert (anna.texts(), uploads_begun(anna)) == (["Look"], 2)


# --- comments ---


def commented(folder: Films) -> Content:
    return Content((Part("Look", (folder.video(),)), Part("First!", kind="comment")))


def test_comment_whose_answer_is_lost_is_found_and_taken_back(
    anna: SignedInAccount, folder: Films, before: datetime
) -> None:
    content = commented(folder)
    root = go_on(anna, step_of(content), InMemoryProgress())
    step = step_of(content, root)
    absent = anna.connector.reconcile(step, progress=InMemoryProgress(), since=before, known=NOTHING)
    anna.fault("accept_then_reset")
    with pytest.raises(OutcomeUnknown):
        anna.connector.publish(step, progress=InMemoryProgress())

    found = anna.connector.reconcile(step, progress=InMemoryProgress(), since=before, known=NOTHING)

    _, comment = anna.sandbox.posts("youtube")
    assert isinstance(found, Found)
    assert (absent, found.remote_id, comment["reply_to"]) == (Absent(), comment["id"], root.remote_id)
    assert found.url == comment["url"]
    anna.connector.delete(found.remote_id)
    anna.connector.delete(found.remote_id)
    assert anna.texts() == ["Look"]


def test_comment_that_nobody_may_write_is_refused_and_the_video_stays(anna: SignedInAccount, folder: Films) -> None:
    settings(anna.sandbox, comments_off=True)
    content = commented(folder)
    root = go_on(anna, step_of(content), InMemoryProgress())

    with pytest.raises(Rejected) as caught:
        anna.connector.publish(step_of(content, root), progress=InMemoryProgress())

    assert (caught.value.code, anna.texts()) == ("reply_not_allowed", ["Look"])


# --- the quota ---


def test_used_up_quota_closes_the_whole_host_until_midnight_in_california(anna: SignedInAccount, folder: Films) -> None:
    settings(anna.sandbox, daily_videos=1)
    go_on(anna, step_of(with_media(folder.video())), InMemoryProgress())

    with pytest.raises(RateLimited) as caught:
        go_on(anna, step_of(with_media(folder.video()), key="k.2"), InMemoryProgress())

    assert (caught.value.scope, caught.value.code) == ("host", "quota_used_up")
    opens = caught.value.until
    assert (opens.minute, opens.second, opens.hour in {7, 8}) == (0, 0, True)
    assert datetime.now(UTC) < opens <= datetime.now(UTC) + timedelta(hours=25)


# --- what is known before ---


def test_what_youtube_refuses_is_said_before(folder: Films) -> None:
    film, cover = folder.video(), folder.cover()
    part = Part("Look", (film,))
    comment = Part("First!", kind="comment")

    def asking(**options: Any) -> Content:
        return Content((part,), options)

    cases = {
        "": [
            Content((Part("Look", (film, cover)),)), Content((part,), post_type="short"), asking(tags=["x" * 500]),
            asking(title="x" * 100), Content((Part("é" * 2500, (film,)),)), Content((part, comment)),
            asking(publish_at="2031-01-01T09:00:00Z"),
        ],
        "media_required": [Content((Part("Look"),)), Content((Part("Look", (cover,)),))],
        "media_not_supported": [Content((Part("Look", (film, replace(cover, role="content"))),))],
        "too_many_media": [Content((Part("Look", (film, film)),))],
        "title_required": [Content((Part(" ", (film,)),))],
        "too_long": [
            asking(title="x" * 101), asking(tags=["x" * 250, "y" * 250]),
            Content((part, Part("x" * 10_001, kind="comment"))),
        ],
        "too_many_bytes": [Content((Part("Look\n" + "é" * 2498, (film,)),))],
        "invalid_characters": [asking(title="a <b>"), asking(tags=["<"]), Content((Part("Look >", (film,)),))],
        "contradiction": [
            asking(captions=[{"language": "en"}]), asking(publish_at="2031-01-01T09:00:00Z", privacy_status="public"),
        ],
        "comment_not_supported": [
            Content((part, comment), {"made_for_kids": True}), Content((part, comment), {"privacy_status": "private"}),
        ],
        "invalid_choice": [asking(privacy_status="friends"), asking(license="mine")],
        "invalid_format": [asking(category_id="pets"), asking(publish_at="soon")],
        "unknown_option": [asking(pinned_comment="x")],
        "invalid_type": [asking(captions="x")],
        "required": [
            Content((Part("Look", (film, folder.captions())),)),
            Content((Part("Look", (film, folder.captions())),), {"captions": [{"name": "English"}]}),
        ],
        "captions_not_supported": [
            Content((Part("Look", (film, replace(cover, role="captions"))),), {"captions": [{"language": "en"}]}),
        ],
        "duplicate_text": [
            Content(
                (Part("Look", (film, folder.captions(), folder.captions())),), {"captions": [{"language": "en"}] * 2}
            ),
        ],
        "post_type_not_supported": [Content((part, Part("Two", kind="reply")), post_type="thread")],
    }  # fmt: skip

    found = {code: [_codes(case) for case in of] for code, of in cases.items()}

    assert found == {code: [[code] if code else []] * len(of) for code, of in cases.items()}


def _codes(content: Content) -> list[str]:
    return [problem.code for problem in YouTubeConnector.validate(content, None)]


def test_channel_that_is_not_verified_uploads_a_quarter_of_an_hour(sandbox: Sandbox) -> None:
    settings(sandbox, unverified=["berta"])
    longest = [
        rule.videos.max_duration_s
        for handle in ("anna", "berta")
        for rule in [YouTubeConnector.media_rule("standard", visit(sandbox, "youtube", handle).target)]
        if rule is not None and rule.videos is not None
    ]

    assert longest == [43_200, 900]


def test_title_is_the_one_that_was_given_or_the_first_line(folder: Films) -> None:
    film = folder.video()
    given = Content((Part("Text", (film,)),), {"title": " Mine "})
    texts = ["\n\n First \nsecond", "x" * 200]

    assert title_of(given) == "Mine"
    assert [title_of(Content((Part(text, (film,)),))) for text in texts] == ["First", "x" * 100]
