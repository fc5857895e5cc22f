"""LinkedIn against the simulator: people and organisations, texts, cards, polls, comments and files."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.contract import (
    Absent,
    AccountMetrics,
    CannotTell,
    Content,
    Found,
    LeaseLost,
    MediaUse,
    Metrics,
    Part,
    Pending,
    Published,
    Target,
)
from integrations.errors import NeedsReconnect, OperatorProblem, OutcomeUnknown, Rejected, Unavailable
from integrations.platforms.linkedin import connector as module
from integrations.platforms.linkedin import uploads
from integrations.platforms.linkedin.connector import LinkedInConnector
from integrations.platforms.linkedin.reading import comment_urn
from integrations.platforms.linkedin.tests.accounts import organisation_of, self_serve
from integrations.protocols import duplicates
from mastablasta.core.outbound import Auth, Http
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of, text_of, visit
from tests.kit.media_contract import MediaContract, MediaFolder, go_on, row, with_media
from tests.kit.raw_server import answer, raw_server, says
from tests.world import Sandbox

NOTHING: frozenset[str] = frozenset()
WITH_COMMENT = Content((Part("Root"), Part("First!", kind="comment")))
LINK = {"link": "https://example.com/a?b=1", "link_title": "A page", "link_description": "About it"}
URN = "urn:li:share:1"
POLL = {"poll_question": "Tea?", "poll_options": ["Yes", "No"], "poll_duration": "ONE_DAY"}


@pytest.fixture
def anna(sandbox: Sandbox) -> SignedInAccount:
    """An organisation that Anna administers; its videos go in parts of 40 bytes."""
    sandbox.instance("linkedin", processing_ms=0, part_bytes=40)
    return organisation_of(sandbox, "anna")


@pytest.fixture
def before() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=2)


@pytest.fixture
def folder(tmp_path: Path) -> MediaFolder:
    return MediaFolder(tmp_path)


def publish(account: SignedInAccount, content: Content | str) -> Published:
    published = account.connector.publish(step_of(content), progress=InMemoryProgress())
    assert isinstance(published, Published)
    return published


def read(account: SignedInAccount, urn: str) -> Any:
    """A post as LinkedIn gives it."""
    return account.connector.http.get(f"/rest/posts/{urn.replace(':', '%3A')}").json()


class TestLinkedIn(MediaContract):
    slug = "linkedin"

    @pytest.fixture
    def anna(self, sandbox: Sandbox) -> SignedInAccount:
        sandbox.instance("linkedin", processing_ms=0, part_bytes=60)
        return organisation_of(sandbox, "anna")

    def one_of(self, kind: str, anna: SignedInAccount, folder: MediaFolder, **more: Any) -> MediaUse:
        """Videos have no alt text there."""
        if kind == "video":
            more.pop("alt_text", None)
        return super().one_of(kind, anna, folder, **more)


# --- what is said, and what stands below it ---


@pytest.mark.parametrize(
    ("options", "content"),
    [
        ({}, None),
        (LINK, {"article": {"source": LINK["link"], "title": "A page", "description": "About it"}}),
        (
            POLL,
            {
                "poll": {
                    "question": "Tea?",
                    "options": [{"text": "Yes"}, {"text": "No"}],
                    "settings": {"duration": "ONE_DAY"},
                }
            },
        ),
    ],
)
def test_text_goes_out_whole_with_what_belongs_to_it(
    anna: SignedInAccount, options: dict[str, Any], content: dict[str, Any] | None
) -> None:
    text = "a_b (c) #tag @[Bakery](urn:li:organization:1) <3\nhttps://example.com/x_(y)#z"

    published = publish(anna, Content((Part(text),), options))

    shown = read(anna, published.remote_id)
    assert anna.texts() == [text.replace("@[Bakery](urn:li:organization:1)", "Bakery")]
    assert (shown["author"], shown["visibility"], shown.get("content")) == (anna.target.remote_id, "PUBLIC", content)
    assert published.url == f"{anna.target.base_url}/feed/update/{published.remote_id}/"


def test_picture_stands_on_the_card_of_a_link_and_a_video_has_its_title(
    anna: SignedInAccount, folder: MediaFolder
) -> None:
    picture, video = folder.picture(), folder.video()

    card = go_on(anna, step_of(Content((Part("Read", (picture,)),), LINK)), InMemoryProgress())
    film = go_on(anna, step_of(Content((Part("See", (video,)),), {"title": "A film"})), InMemoryProgress())

    assert read(anna, card.remote_id)["content"]["article"]["thumbnail"].startswith("urn:li:image:")
    assert read(anna, film.remote_id)["content"]["media"]["title"] == "A film"
    assert [post["media"] for post in anna.sandbox.posts("linkedin")] == [[row(picture)], [row(video)]]
    assert film.remote_id.startswith("urn:li:ugcPost:")


DOCUMENT = Content((), {"title": "Our year"})


def document_of(folder: MediaFolder, data: bytes = b"%PDF-1.7\n1 0 obj << /Type /Page >>\n%%EOF\n") -> MediaUse:
    return folder.use(data, "application/pdf", kind="document")


@pytest.mark.parametrize("who", ["organisation", "person"])
def test_document_is_waited_for_and_shown_under_its_title(
    anna: SignedInAccount, folder: MediaFolder, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LinkedIn tells a person nothing of how far it is: then a while has to do."""
    account = anna if who == "organisation" else self_serve(anna.sandbox, "berta", monkeypatch)
    anna.sandbox.instance("linkedin", processing_ms=300)
    monkeypatch.setattr(uploads, "UNTOLD", timedelta(seconds=0.5))
    use = document_of(folder)
    step, notes = step_of(replace(DOCUMENT, parts=(Part("Read", (use,)),))), InMemoryProgress()

    first = account.connector.publish(step, progress=notes)
    seen = account.texts()
    published = go_on(account, step, notes)

    assert (isinstance(first, Pending), seen) == (True, [])
    [post] = account.sandbox.posts("linkedin")
    assert (published.remote_id, post["media"]) == (post["id"], [row(use)])
    assert notes.data["media"]["0"]["id"].startswith("urn:li:document:")
    if who == "organisation":
        content = read(account, published.remote_id)["content"]
        assert content == {"media": {"id": notes.data["media"]["0"]["id"], "title": "Our year"}}
    assert (account.marks, account.calls("publish")) == (1, 1)


def test_document_that_linkedin_cannot_use_is_refused_and_nothing_is_out(
    anna: SignedInAccount, folder: MediaFolder
) -> None:
    use = document_of(folder, b"%PDF-1.7\n" + b"<< /Type /Page >>\n" * 301)

    with pytest.raises(Rejected) as caught:
        go_on(anna, step_of(replace(DOCUMENT, parts=(Part("Read", (use,)),))), InMemoryProgress())

    assert (caught.value.code, anna.texts(), anna.marks) == ("media_failed", [], 0)


def test_lost_reply_to_a_document_is_found_by_its_upload(
    anna: SignedInAccount, folder: MediaFolder, before: datetime
) -> None:
    step, notes = step_of(replace(DOCUMENT, parts=(Part("", (document_of(folder),)),))), InMemoryProgress()
    anna.fault("accept_then_reset")
    with pytest.raises(OutcomeUnknown):
        go_on(anna, step, notes)

    found = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

    [post] = anna.sandbox.posts("linkedin")
    assert isinstance(found, Found)
    assert (found.remote_id, anna.calls("publish")) == (post["id"], 1)


def test_person_may_write_for_their_connections_alone(sandbox: Sandbox) -> None:
    person = visit(sandbox, "linkedin", "berta")

    publish(person, Content((Part("Psst"),), {"visibility": "CONNECTIONS"}))

    [post] = sandbox.posts("linkedin")
    assert (post["visibility"], person.target.remote_id.startswith("urn:li:person:")) == ("connections", True)


# --- when an answer is lost ---


@pytest.mark.parametrize("whose", ["person", "organisation"])
def test_lost_post_and_comment_are_found_and_taken_back(sandbox: Sandbox, before: datetime, whose: str) -> None:
    account = visit(sandbox, "linkedin", "berta") if whose == "person" else organisation_of(sandbox, "anna")
    found: list[Found] = []
    for _ in WITH_COMMENT.parts:
        account.fault("accept_then_reset")
        step, notes = step_of(WITH_COMMENT, *found), InMemoryProgress()
        with pytest.raises(OutcomeUnknown):
            account.connector.publish(step, progress=notes)
        known = frozenset(one.remote_id for one in found)
        looked = account.connector.reconcile(step, progress=notes, since=before, known=known)
        assert isinstance(looked, Found)
        found.append(looked)

    post, comment = sandbox.posts("linkedin")
    assert [one.remote_id for one in found] == [post["id"], comment["id"]]
    assert (comment["text"], comment["reply_to"], found[1].url) == ("First!", post["id"], found[0].url)
    for _ in range(2):
        account.connector.delete(found[1].remote_id)
    assert account.texts() == ["Root"]


def test_person_whose_posts_nobody_may_read_is_not_asked_about_them(
    sandbox: Sandbox, before: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    berta = self_serve(sandbox, "berta", monkeypatch)
    berta.fault("accept_then_reset")
    with pytest.raises(OutcomeUnknown):
        berta.connector.publish(step_of("Lost"), progress=InMemoryProgress())
    calls = len(sandbox.requests("linkedin"))

    looked = berta.connector.reconcile(step_of("Lost"), progress=InMemoryProgress(), since=before, known=NOTHING)

    assert isinstance(looked, CannotTell)
    assert len(sandbox.requests("linkedin")) == calls
    assert (LinkedInConnector.capabilities_at(berta.target).reconcile, berta.connector.metrics_batch(berta.target)) == (
        "none",
        0,
    )
    untold = replace(berta, target=replace(berta.target, facts={}))  # it was connected before that was kept
    looked = untold.connector.reconcile(step_of("Lost"), progress=InMemoryProgress(), since=before, known=NOTHING)
    assert isinstance(looked, CannotTell)
    assert len(sandbox.requests("linkedin")) == calls + 1


@pytest.mark.parametrize(
    ("named_at", "known", "is_found"),
    [(1, NOTHING, True), (-60, NOTHING, False), (1, "it", False)],
)
def test_duplicate_that_nobody_may_look_at_is_ours_if_it_is_young_and_not_another_deliverys(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, named_at: int, known: Any, is_found: bool
) -> None:
    berta, since = self_serve(sandbox, "berta", monkeypatch), datetime.now(UTC)
    urn = f"urn:li:share:{int((since.timestamp() + named_at) * 1000) << 22}"
    notes = InMemoryProgress(**{module.DUPLICATE_OF: urn, duplicates.MAYBE_OUT_SINCE: since.isoformat()})

    looked = berta.connector.reconcile(
        step_of("Lost"), progress=notes, since=since, known=frozenset({urn}) if known else NOTHING
    )

    assert isinstance(looked, Found if is_found else CannotTell)


def in_doubt(account: SignedInAccount, step: Any, since: datetime) -> InMemoryProgress:
    """Lose an answer, look for the post in vain since the list lags, and hear that it is a duplicate."""
    account.sandbox.limits(lookup_lag_ms=60_000)
    account.fault("accept_then_reset")
    notes = InMemoryProgress()
    with pytest.raises(OutcomeUnknown):
        account.connector.publish(step, progress=notes)
    assert account.connector.reconcile(step, progress=notes, since=since, known=NOTHING) == Absent()
    with pytest.raises(OutcomeUnknown):
        account.connector.publish(step, progress=notes)
    return notes


def test_duplicate_of_what_was_in_doubt_is_that_post(anna: SignedInAccount, before: datetime) -> None:
    step = step_of("Once only")
    notes = in_doubt(anna, step, before)

    found = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

    [post] = anna.sandbox.posts("linkedin")
    assert found == Found(post["id"], f"{anna.target.base_url}/feed/update/{post['id']}/")


@pytest.mark.parametrize("why", ["deleted", "of another delivery", "older"])
def test_duplicate_that_cannot_be_ours_is_not_taken_for_it(anna: SignedInAccount, before: datetime, why: str) -> None:
    step = step_of("Once only")
    notes = in_doubt(anna, step, before)
    [post] = anna.sandbox.posts("linkedin")
    known = frozenset({post["id"]}) if why == "of another delivery" else NOTHING
    if why == "deleted":
        anna.connector.delete(post["id"])
    if why == "older":
        notes.data = {**notes.data, duplicates.MAYBE_OUT_SINCE: (datetime.now(UTC) + timedelta(minutes=1)).isoformat()}
        before = datetime.now(UTC) + timedelta(minutes=1)

    with pytest.raises(Unavailable) as caught:
        anna.connector.reconcile(step, progress=notes, since=before, known=known)

    assert caught.value.code == "not_shown_yet"


def test_first_send_that_is_a_duplicate_is_refused(anna: SignedInAccount) -> None:
    first = publish(anna, "Twice")

    with pytest.raises(Rejected) as caught:
        publish(anna, "Twice")

    assert (caught.value.code, first.remote_id in caught.value.message) == ("duplicate", True)


def test_what_others_wrote_and_posts_of_other_kinds_are_passed_over(before: datetime) -> None:
    mine, at = "urn:li:organization:1", int(datetime.now(UTC).timestamp() * 1000)
    post = {"author": mine, "createdAt": at, "commentary": "Root"}
    posts = {"elements": [{**post, "id": "urn:li:instantRepost:(1,2)", "commentary": ""}, {**post, "id": URN}]}
    own = {
        "actor": mine,
        "object": "urn:li:activity:1",
        "id": "2",
        "created": {"time": at},
        "message": {"text": "First!"},
    }
    comments = {"elements": [{"actor": "urn:li:person:x", "id": 7}, own]}
    with raw_server(says(answer(json.dumps(posts)), answer(json.dumps(comments)))) as server:
        target = Target(server.url, "host", mine, "bakery")
        asked = LinkedInConnector(target, Http(server.url, auth=Auth("abc")))
        root = asked.reconcile(step_of(WITH_COMMENT), progress=InMemoryProgress(), since=before, known=NOTHING)
        assert isinstance(root, Found)
        comment = asked.reconcile(step_of(WITH_COMMENT, root), progress=InMemoryProgress(), since=before, known=NOTHING)

    assert root.remote_id == URN
    assert comment == Found("urn:li:comment:(urn:li:activity:1,2)", root.url)


# --- comments ---


def test_comment_waits_until_its_post_takes_one(anna: SignedInAccount) -> None:
    anna.sandbox.instance("linkedin", comment_delay_ms=600_000)
    root, notes = publish(anna, WITH_COMMENT), InMemoryProgress()
    step, now = step_of(WITH_COMMENT, root), datetime.now(UTC)

    waits = anna.connector.publish(step, progress=notes)
    anna.sandbox.instance("linkedin", comment_delay_ms=0)

    assert isinstance(waits, Pending)
    assert timedelta(seconds=4) < waits.check_at - now < timedelta(minutes=1)
    assert isinstance(anna.connector.resume(step, progress=notes), Published)
    assert anna.texts() == ["Root", "First!"]


def test_comment_that_is_not_permitted_costs_the_comment_and_not_the_account(anna: SignedInAccount) -> None:
    root = publish(anna, WITH_COMMENT)
    anna.sandbox.instance("linkedin", lost_organisations=["Bakery"])

    waits = anna.connector.publish(step_of(WITH_COMMENT, root), progress=InMemoryProgress())
    notes = InMemoryProgress(**{module.COMMENT_REFUSED: len(module.COMMENT_WAITS)})
    with pytest.raises(Rejected) as caught:
        anna.connector.publish(step_of(WITH_COMMENT, root), progress=notes)

    assert isinstance(waits, Pending)
    assert (caught.value.code, anna.texts()) == ("not_permitted", ["Root"])


@pytest.mark.parametrize(
    ("row", "urn"),
    [
        ({"commentUrn": "urn:li:comment:(urn:li:activity:1,2)", "id": "2"}, "urn:li:comment:(urn:li:activity:1,2)"),
        ({"object": "urn:li:ugcPost:1", "id": "2"}, "urn:li:comment:(urn:li:ugcPost:1,2)"),
        ({"object": "urn:li:activity:1", "id": "../2"}, ""),
        ({"commentUrn": "urn:li:share:1"}, ""),
        ([], ""),
    ],
)
def test_comment_is_named_in_one_piece_or_in_two(row: Any, urn: str) -> None:
    assert comment_urn(row) == urn


# --- files ---


def test_video_whose_end_was_told_twice_is_out_once(anna: SignedInAccount, folder: MediaFolder) -> None:
    """Killed before it kept that LinkedIn has put the parts together: LinkedIn is asked, and no part is sent again."""
    use = folder.video()
    step, dying = step_of(with_media(use)), InMemoryProgress()
    dying.stops_at = 5  # the addresses, the id and three parts are kept
    with pytest.raises(LeaseLost):
        go_on(anna, step, dying)
    uploads_before = anna.calls("upload")

    go_on(anna, step, InMemoryProgress(**dying.data))

    [post] = anna.sandbox.posts("linkedin")
    assert (post["media"], anna.calls("upload"), dying.secrets) == ([row(use)], uploads_before + 1, {"video_0"})


@pytest.mark.parametrize("lost", ["address", "secret"])
def test_upload_whose_address_is_of_no_use_any_more_is_begun_once_more(
    anna: SignedInAccount, folder: MediaFolder, lost: str
) -> None:
    use = folder.video()
    step, dying = step_of(with_media(use)), InMemoryProgress()
    dying.stops_at = 3
    with pytest.raises(LeaseLost):
        go_on(anna, step, dying)
    anna.sandbox.instance("linkedin", upload_ttl_s=0 if lost == "address" else 600)
    notes = InMemoryProgress(
        **{name: value for name, value in dying.data.items() if (name, lost) != ("video_0", "secret")}
    )

    waits = anna.connector.publish(step, progress=notes)
    anna.sandbox.instance("linkedin", upload_ttl_s=600)

    assert isinstance(waits, Pending)
    go_on(anna, step, notes)
    assert [post["media"] for post in anna.sandbox.posts("linkedin")] == [[row(use)]]


def test_file_that_linkedin_cannot_use_is_rejected(anna: SignedInAccount, folder: MediaFolder) -> None:
    anna.sandbox.instance("linkedin", processing_fails=True)

    for use in (folder.video(), folder.picture()):
        with pytest.raises(Rejected) as caught:
            go_on(anna, step_of(with_media(use)), InMemoryProgress())
        assert caught.value.code == "media_failed"

    assert (anna.texts(), anna.marks) == ([], 0)


def test_files_that_linkedin_has_lost_are_uploaded_once_more(anna: SignedInAccount, folder: MediaFolder) -> None:
    use = folder.picture()
    step, notes = step_of(with_media(use)), InMemoryProgress()
    gone = {"id": "urn:li:image:Gone", "sent_at": datetime.now(UTC).isoformat(), "ready": True}
    notes.data = {"media": {"0": gone}}

    go_on(anna, step, notes)

    assert [post["media"] for post in anna.sandbox.posts("linkedin")] == [[row(use)]]
    notes.data = {**notes.data, "media": {"0": gone}}
    with pytest.raises(Rejected):
        go_on(anna, step, notes)


def test_person_who_is_not_told_how_far_a_picture_is_waits_a_while(
    sandbox: Sandbox, folder: MediaFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    berta = self_serve(sandbox, "berta", monkeypatch)
    step, notes = step_of(with_media(folder.picture())), InMemoryProgress()
    now = datetime.now(UTC)

    waits = berta.connector.publish(step, progress=notes)

    assert isinstance(waits, Pending)
    assert now + timedelta(seconds=15) < waits.check_at < now + timedelta(seconds=60)
    monkeypatch.setattr(uploads, "UNTOLD", timedelta(0))
    assert isinstance(berta.connector.resume(step, progress=notes), Published)


# --- who may ---


def test_organisation_whose_role_ended_signs_out_alone(anna: SignedInAccount, folder: MediaFolder) -> None:
    anna.sandbox.instance("linkedin", lost_organisations=["Bakery"])

    for content in (text_of("Hello"), with_media(folder.picture())):
        with pytest.raises(NeedsReconnect) as caught:
            go_on(anna, step_of(content), InMemoryProgress())
        assert (caught.value.code, caught.value.scope, caught.value.can_refresh) == ("role_lost", "account", False)


def test_version_that_linkedin_ended_is_the_operators_matter(anna: SignedInAccount) -> None:
    anna.sandbox.instance("linkedin", dead_versions=["202609"])

    with pytest.raises(OperatorProblem) as caught:
        publish(anna, "Hello")

    assert (caught.value.code, anna.texts()) == ("version_ended", [])


# --- figures ---

COUNTS = {"views": 9, "reach": 8, "likes": 7, "comments": 6, "shares": 5, "clicks": 4}


SAID = {"IMPRESSION": 9, "MEMBERS_REACHED": 8, "REACTION": 7, "COMMENT": 6, "RESHARE": 5, "LINK_CLICKS": 4}
SAID_OF_ORGANISATIONS = {
    "impressionCount": 9,
    "uniqueImpressionsCount": 8,
    "likeCount": 7,
    "commentCount": 6,
    "shareCount": 5,
    "clickCount": 4,
}


@pytest.mark.parametrize("whose", ["person", "organisation"])
def test_figures_are_told_of_what_is_there(sandbox: Sandbox, folder: MediaFolder, whose: str) -> None:
    account = visit(sandbox, "linkedin", "anna") if whose == "person" else organisation_of(sandbox, "anna")
    text, poll = publish(account, "One"), publish(account, Content((Part("Two"),), POLL))
    unseen, gone = publish(account, "Three"), publish(account, "Four")
    for post in (text, poll):
        sandbox.metrics("linkedin", post.remote_id, **COUNTS)
    sandbox.account_metrics("linkedin", "anna", followers=12)
    account.connector.delete(gone.remote_id)

    told = account.connector.fetch_metrics([one.remote_id for one in (text, poll, unseen, gone)])
    account_told = account.connector.fetch_account_metrics()

    at = told[text.remote_id].counted_at
    nothing = dict.fromkeys(COUNTS, 0)
    said = told[poll.remote_id].answer
    assert said == (SAID if whose == "person" else {"totalShareStatistics": SAID_OF_ORGANISATIONS})
    assert {urn: one._replace(counted_at=at, answer={}) for urn, one in told.items()} == {
        text.remote_id: Metrics(at, **COUNTS),
        poll.remote_id: Metrics(at, **COUNTS),
        unseen.remote_id: Metrics(at, **nothing),
    }
    assert account_told == (None if account_told is None else AccountMetrics(account_told.counted_at, followers=12))
    assert (account_told is None) == (whose == "person")
    assert account.connector.metrics_batch(account.target) == (1 if whose == "person" else 20)


ROW = f'{{"share":"{URN}","totalShareStatistics":{{"likeCount":%s}}}}'


@pytest.mark.parametrize(
    ("said", "likes"),
    [
        ("<html>", None),
        ("{}", None),
        ('{"elements":null}', None),
        (f'{{"elements":[{ROW % "-3"},7]}}', "nothing"),
        (f'{{"elements":[{ROW % "true"}]}}', "nothing"),
        (f'{{"elements":[{ROW % "3"}]}}', 3),
    ],
)
def test_nonsense_is_no_figure(said: str, likes: Any) -> None:
    with raw_server(says(answer(said))) as server:
        target = Target(server.url, "host", "urn:li:organization:1", "bakery")
        asked = LinkedInConnector(target, Http(server.url, auth=Auth("abc")))
        if likes is None:
            with pytest.raises(Unavailable):
                asked.fetch_metrics([URN, "1/../2"])
        else:
            told = asked.fetch_metrics([URN, "1/../2"])
            assert {urn: one.likes for urn, one in told.items()} == {URN: None if likes == "nothing" else likes}


# --- what is known before ---


def test_what_linkedin_refuses_is_said_before(folder: MediaFolder) -> None:
    picture, video, animation = folder.picture(), folder.video(), folder.animation()
    document = replace(picture, kind="document", mime_type="application/pdf")
    titled = {"title": "Our year"}
    cases: dict[str, tuple[str, Content]] = {
        "fine": ("", with_media(*[picture] * 20)),
        "card with picture": ("", Content((Part("Read", (picture,)),), LINK)),
        "poll": ("", Content((Part("Say"),), POLL)),
        "long": ("too_long", text_of("x" * 3001)),
        "long by UTF-16": ("too_long", text_of("👋" * 1501)),
        "mention by its name": ("", text_of("@[A](urn:li:organization:1)" * 3000)),
        "long comment": ("too_long", Content((Part("x"), Part("y" * 1251, kind="comment")))),
        "mention in a comment": (
            "mention_not_supported",
            Content((Part("x"), Part("@[A](urn:li:person:a)", kind="comment"))),
        ),
        "thread": ("post_type_not_supported", Content((Part("x"), Part("y", kind="reply")), post_type="thread")),
        "21 pictures": ("too_many_media", with_media(*[picture] * 21)),
        "mixed": ("media_cannot_mix", with_media(picture, video)),
        "document": ("", Content((Part("x", (document,)),), titled)),
        "document without title": ("title_required", with_media(document)),
        "two documents": ("too_many_media", Content((Part("x", (document, document)),), titled)),
        "document and picture": ("media_cannot_mix", Content((Part("x", (document, picture)),), titled)),
        "captions": (
            "captions_not_supported",
            with_media(video, replace(picture, kind="captions", role="captions", mime_type="text/vtt")),
        ),
        "long alt text": ("alt_text_too_long", with_media(replace(picture, alt_text="x" * 4087))),
        "card without title": ("required", Content((Part("x"),), {"link": LINK["link"]})),
        "title without card": ("required", Content((Part("x"),), {"link_title": "A page"})),
        "card of two pictures": ("contradiction", Content((Part("x", (picture, picture)),), LINK)),
        "card of a film": ("contradiction", Content((Part("x", (video,)),), LINK)),
        "card of an animation": ("contradiction", Content((Part("x", (animation,)),), LINK)),
        "poll of one answer": ("too_few", Content((Part("x"),), {**POLL, "poll_options": ["Yes"]})),
        "poll of equal answers": ("duplicate_text", Content((Part("x"),), {**POLL, "poll_options": ["Yes", "Yes "]})),
        "poll of nothing": ("required", Content((Part("x"),), {"poll_options": ["Yes", "No"]})),
        "poll of wrong type": ("invalid_type", Content((Part("x"),), {**POLL, "poll_options": "Yes"})),
        "poll with picture": ("contradiction", Content((Part("x", (picture,)),), POLL)),
        "title of a picture": ("contradiction", Content((Part("x", (picture,)),), {"title": "A film"})),
        "unknown": ("unknown_option", Content((Part("x"),), {"reshare": "urn:li:share:1"})),
    }

    found = {name: [one.code for one in LinkedInConnector.validate(case, None)] for name, (_, case) in cases.items()}

    expected = {name: [code] if code else [] for name, (code, _) in cases.items()}
    assert found == expected


def test_organisation_has_no_connections(anna: SignedInAccount) -> None:
    content = Content((Part("x"),), {"visibility": "CONNECTIONS"})

    found = [[one.code for one in LinkedInConnector.validate(content, target)] for target in (None, anna.target)]

    assert found == [[], ["contradiction"]]
