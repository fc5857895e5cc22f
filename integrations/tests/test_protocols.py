"""What platforms share: windows by headers, tables of errors, bounded uploads, looking back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

import pytest

from integrations.contract import CannotTell, MediaUse, Pending, Target
from integrations.errors import CallFailed, NeedsReconnect, OutcomeUnknown, RateLimited, Rejected, Unavailable
from integrations.protocols.error_rules import ErrorRule, ErrorTable, common_failure
from integrations.protocols.lookback import OwnPost, Page, first_match, own_posts, posts_in
from integrations.protocols.rate_headers import RateWindows, epoch_reset, iso_reset, retry_at
from integrations.protocols.uploads import Uploads, file_of, ids_in, timeout_s
from integrations.protocols.values import id_in, moment_of, numbers_in, object_in, objects_in, text_in
from mastablasta.core.outbound import Http, Response
from tests.kit.connector_contract import InMemoryProgress

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def answer(status: int = 429, *, visible: bool = True, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, named, b"{}", "https://example.org/", visible=visible, received_at=NOON)


# --- windows ---


@pytest.mark.parametrize(
    ("headers", "resets", "until"),
    [
        ({}, (), NOON + MINUTE),
        ({"retry_after": "30"}, (NOON + 5 * MINUTE,), NOON + MINUTE / 2),
        ({}, (None, NOON + 5 * MINUTE, NOON + 9 * MINUTE), NOON + 5 * MINUTE),
        ({"retry_after": "0"}, (), NOON + timedelta(seconds=1)),
        ({}, (NOON - DAY,), NOON + timedelta(seconds=1)),
        ({"retry_after": "9999999"}, (), NOON + DAY),
    ],
)
def test_call_is_made_again_when_it_is_said_to_and_within_a_day(
    headers: dict[str, str], resets: tuple[datetime | None, ...], until: datetime
) -> None:
    assert retry_at(answer(**headers), *resets) == until


@pytest.mark.parametrize("value", ["", "soon", "-5", "99999999999999", "\u0663"])
def test_header_that_names_no_moment_is_none(value: str) -> None:
    assert epoch_reset(answer(x_reset=value), "x-reset") is None


def test_moment_of_another_clock_is_told_on_ours() -> None:
    slow = NOON - 10 * MINUTE
    reset = str(int((slow + MINUTE).timestamp()))

    date = format_datetime(slow, usegmt=True)

    assert epoch_reset(answer(x_reset=reset, date=date), "x-reset") == NOON + MINUTE
    assert iso_reset(answer(x_reset=(slow + MINUTE).isoformat(), date=date), "x-reset") == NOON + MINUTE


WINDOWS = RateWindows({"x-hour": "account", "x-app": "host"}, iso_reset)
HOUR, APP = NOON + timedelta(minutes=30), NOON + timedelta(hours=2)


@pytest.mark.parametrize(
    ("headers", "rests_until", "opens_at"),
    [
        ({}, None, (NOON + MINUTE, "account")),
        ({"x_hour_remaining": " 0 ", "x_hour_reset": HOUR}, HOUR, (HOUR, "account")),
        ({"x_hour_reset": HOUR}, None, (HOUR, "account")),
        ({"x_hour_remaining": "1", "x_hour_reset": HOUR}, None, (NOON + MINUTE, "account")),
        ({"x_hour_remaining": "0", "x_hour_reset": "soon"}, None, (NOON + MINUTE, "account")),
        (
            {"x_hour_remaining": "0", "x_hour_reset": HOUR, "x_app_remaining": "0", "x_app_reset": APP},
            HOUR,
            (APP, "host"),
        ),
        ({"x_hour_remaining": "0", "x_hour_reset": HOUR, "retry_after": "5"}, HOUR, (NOON + MINUTE / 12, "account")),
    ],
)
def test_window_that_is_used_up_says_who_waits_and_for_how_long(
    headers: dict[str, Any], rests_until: datetime | None, opens_at: tuple[datetime, str]
) -> None:
    said = answer(**{name: value if isinstance(value, str) else value.isoformat() for name, value in headers.items()})

    assert (WINDOWS.rests_until(said), WINDOWS.opens_at(said)) == (rests_until, opens_at)


# --- errors ---


@pytest.mark.parametrize(
    ("status", "visible", "outcome"),
    [
        (500, True, OutcomeUnknown), (503, False, Unavailable), (408, True, OutcomeUnknown),
        (302, True, Unavailable), (400, True, None), (429, True, None),
    ],
)  # fmt: skip
def test_what_every_platform_means(status: int, visible: bool, outcome: type[CallFailed] | None) -> None:
    failure = common_failure(answer(status, visible=visible), label="Chirp")

    assert type(failure) is (outcome or type(None))


def test_rule_says_what_to_raise() -> None:
    rule = ErrorRule(NeedsReconnect, "page_gone", "The page is gone: {said}", scope="account")
    limit = ErrorRule(RateLimited, "too_many", "Wait.")
    until = NOON + MINUTE

    failure = rule.failure(answer(400), said="role removed", until=until)
    limited = limit.failure(answer(400), said="", until=until, limited="host")
    refused = ErrorRule(Rejected, "bad", "No: {said}").failure(answer(422), said="", until=until)

    assert isinstance(failure, NeedsReconnect)
    assert (failure.message, failure.code, failure.scope, failure.can_refresh) == (
        "The page is gone: role removed", "page_gone", "account", False,
    )  # fmt: skip
    assert isinstance(limited, RateLimited)
    assert (limited.until, limited.scope, limited.http_status) == (until, "host", 400)
    assert (type(refused), refused.message) == (Rejected, "No: status 422")


def test_what_a_platform_says_counts_before_its_status() -> None:
    def rule(code: str) -> ErrorRule:
        return ErrorRule(Rejected, code, "{said}")

    table = ErrorTable(
        label="Chirp",
        by_words=(({403}, ("no such", "no more"), rule("by_words")),),
        by_code={7: rule("by_code"), "Gone": rule("by_name")},
        by_status={403: rule("by_status")},
        otherwise=rule("otherwise"),
    )

    def code(status: int, said: str = "", *codes: str | int) -> str:
        return table.failure(answer(status), codes=codes, said=said).code

    assert [code(403, "NO MORE", 7), code(403, "odd", 8, 7), code(400, "no more", "Gone")] == [
        "by_words", "by_code", "by_name",
    ]  # fmt: skip
    assert [code(403), code(400, "no more"), code(500, "", 7)] == ["by_status", "otherwise", "server_error"]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"cf_mitigated": "challenge"}, "challenged"),
        ({"content_type": "text/html", "server": "cloudflare"}, "challenged"),
        ({"content_type": "application/json", "server": "cloudflare"}, None),
        ({"content_type": "text/html"}, None),
    ],
)
def test_browser_check_of_a_proxy_is_about_no_content(headers: dict[str, str], code: str | None) -> None:
    failure = common_failure(answer(403, **headers), label="Chirp")

    assert code == (failure and failure.code)


# --- uploads ---


class Uploaded(Uploads):
    """Keeps a file with one call of `chunk_bytes`; `said` is what the calls come to, one after the other."""

    chunk_bytes = 4 << 20
    said: ClassVar[list[Exception | None]] = []

    def is_uploaded(self, position: int, use: MediaUse) -> bool:
        return int(self.kept.get(position, {}).get("bytes", 0)) >= use.size

    def send(self, position: int, use: MediaUse) -> None:
        self.sent_bytes += min(use.size, self.chunk_bytes)
        if self.said and (failure := self.said.pop(0)):
            raise failure
        at = int(self.kept.get(position, {}).get("bytes", 0))
        self.keep(position, id=f"id-{position}", bytes=at + min(use.size, self.chunk_bytes))

    def is_lost(self, refused: Rejected) -> bool:
        return refused.code == "gone"


def use_of(size: int) -> MediaUse:
    return MediaUse("17", "/nowhere", "image/png", size)


def uploads_of(progress: InMemoryProgress, *sizes: int, said: Sequence[Exception | None] = ()) -> Uploads:
    Uploaded.said = list(said)
    target = Target("https://example.org", "example.org", "1", "@anna")
    return Uploaded(Http("https://example.org"), target, [use_of(size) for size in sizes], progress)


def test_one_call_sends_so_many_bytes_or_one_file_and_a_successor_goes_on() -> None:
    progress = InMemoryProgress()

    waits = uploads_of(progress, 9 << 20, 1).go_on()
    kept = progress.data
    done = uploads_of(InMemoryProgress(**kept), 9 << 20, 1).go_on()

    assert isinstance(waits, Pending)
    assert kept == {"media": {"0": {"id": "id-0", "bytes": 8 << 20}}}
    assert done is None


def test_line_that_breaks_is_a_failure_only_where_nothing_got_further() -> None:
    progress = InMemoryProgress()
    broken = Unavailable("broken", code="connection_reset")

    waits = uploads_of(progress, 1, 1, said=[None, broken]).go_on()

    assert isinstance(waits, Pending)
    with pytest.raises(Unavailable):
        uploads_of(progress, 1, 1, said=[broken]).go_on()
    assert ids_in(progress.data) == ["id-0"]


def test_files_that_are_lost_are_sent_again_once() -> None:
    progress, gone = InMemoryProgress(), Rejected("gone", code="gone")
    uploads_of(progress, 1, 1).go_on()
    uploaded = uploads_of(progress, 1, 1)

    waits = uploaded.upload_again(gone, lost=[0])

    assert isinstance(waits, Pending)
    assert (ids_in(progress.data), progress.data["media_again"]) == (["id-1"], True)
    with pytest.raises(Rejected):
        uploads_of(progress, 1, 1, said=[gone]).go_on()


@pytest.mark.parametrize("stored", [[{"id": 1}, {"id": "b"}], {"1": {"id": "b"}, "0": {"id": 1}}])
def test_what_is_kept_is_read_in_either_form(stored: Any) -> None:
    assert ids_in({"media": stored}) == ["1", "b"]


def test_platform_that_works_on_a_file_is_asked_less_and_less_often_and_not_for_ever() -> None:
    def wait_s(age_s: float) -> float:
        now = datetime.now(UTC)
        return (
            uploads_of(InMemoryProgress()).wait(since=now - timedelta(seconds=age_s)).check_at - now
        ).total_seconds()

    assert [round(wait_s(age_s)) for age_s in (0, 5, 60)] == [1, 5, 15]
    with pytest.raises(Rejected) as caught:
        wait_s(601)
    assert caught.value.code == "processing_timeout"


def test_large_file_has_longer_but_not_for_ever() -> None:
    assert [timeout_s(size) for size in (0, 2_500_000, 1 << 30)] == [10.0, 20.0, 55.0]


def test_name_of_a_file_tells_its_type_only() -> None:
    assert file_of(use_of(1)).filename == "17.png"


# --- looking back ---


def own(number: int, *, minutes: int) -> OwnPost:
    return OwnPost(str(number), f"https://example.org/{number}", NOON + timedelta(minutes=minutes), {})


def pages(*listed: list[OwnPost]) -> Callable[[str | None], Page]:
    def page(cursor: str | None) -> Page:
        at = int(cursor or 0)
        return listed[at], str(at + 1) if at + 1 < len(listed) else None

    return page


def test_posts_that_may_be_ours_come_oldest_first() -> None:
    listed = pages(
        [own(4, minutes=4), own(3, minutes=2)], [own(2, minutes=2), own(1, minutes=-1)], [own(0, minutes=-2)]
    )

    found = own_posts(listed, since=NOON, known=frozenset({"4"}), most_pages=2)

    assert isinstance(found, list)
    assert [post.remote_id for post in found] == ["2", "3"]


def test_more_pages_than_are_read_cannot_tell() -> None:
    listed = pages(*[[own(number, minutes=5)] for number in range(3)])

    assert isinstance(own_posts(listed, since=NOON, known=frozenset(), most_pages=2), CannotTell)
    assert isinstance(own_posts(listed, since=NOON, known=frozenset(), most_pages=3), list)
    assert own_posts(lambda _: CannotTell("closed"), since=NOON, known=frozenset(), most_pages=3) == CannotTell(
        "closed"
    )


def test_surest_test_counts_before_age() -> None:
    posts = [own(number, minutes=number) for number in (1, 2, 3)]

    assert first_match(posts, lambda post: post.remote_id == "3", lambda post: True) == posts[2]
    assert first_match(posts, lambda post: False, lambda post: True) == posts[0]
    assert first_match(posts, lambda post: False) is None


@pytest.mark.parametrize("listed", [None, {}, "text", [{"id": "1"}, 7]])
def test_list_of_anything_but_posts_is_no_answer(listed: Any) -> None:
    with pytest.raises(Unavailable):
        posts_in(answer(200, visible=False), listed, lambda one: own(1, minutes=0) if isinstance(one, dict) else None)


# --- values ---


@pytest.mark.parametrize("holder", [None, 7, "text", [], {}, {"name": None}, {"name": 1.5}, {"name": True}])
def test_what_is_not_there_is_empty(holder: Any) -> None:
    read = (object_in(holder, "name"), objects_in(holder, "name"), text_in(holder, "name"), id_in(holder, "name"))

    assert read == ({}, [], "", "")


def test_values_are_read_as_they_are() -> None:
    holder = {"a": "", "b": "text", "n": 7, "o": {"x": 1}, "l": [{"x": 1}, None, "y"]}

    assert (text_in(holder, "a", "b"), id_in(holder, "n"), id_in(holder, "b")) == ("text", "7", "text")
    assert (object_in(holder, "o"), objects_in(holder, "l")) == ({"x": 1}, [{"x": 1}])
    assert moment_of("2026-11-24T12:00:00") == moment_of("2026-11-24T13:00:00+01:00") == NOON
    assert [moment_of(value) for value in (None, 5, "soon")] == [None] * 3


def test_of_an_answer_only_its_numbers_are_kept_and_not_too_many() -> None:
    told = {
        "text": "Good morning!",
        "likes": 7,
        "is_liked": True,
        "share": 0.5,
        "lost": -1,
        "author": {"id": "42", "followers": 812, "token": "s3cret"},
        "list": [1, 2],
        "deep": {"deep": {"deep": {"deep": 1}}},
        "x" * 41: 1,
    }

    assert numbers_in(told) == {"likes": 7, "author": {"followers": 812}}
    assert len(numbers_in({str(number): number for number in range(100)})) == 30
    assert numbers_in([told]) == {}
