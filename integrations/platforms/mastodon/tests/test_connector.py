"""The connector on exact bytes: what is sent, and what each answer is taken for."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.contract import Absent, CannotTell, Content, Found, Measure, Part, Published, Target
from integrations.errors import CallFailed, NeedsReconnect, OutcomeUnknown, RateLimited, Rejected, Unavailable
from integrations.platforms.mastodon import connector as module
from integrations.platforms.mastodon.connector import MastodonConnector
from mastablasta.core.outbound import Auth, Http, connections
from tests.kit.connector_contract import InMemoryProgress, step_of, text_of
from tests.kit.raw_server import RawConnection, RawServer, Turn, answer, raw_server, says

SINCE = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
STATUS = json.dumps({"id": "103254962155278888", "url": "https://m.test/@a/1", "uri": "https://m.test/u/1"})
HTML = "<!DOCTYPE html><html><body><h1>Not Found</h1></body></html>"


def connector_at(server: RawServer) -> MastodonConnector:
    connections.drop_kept()
    target = Target(server.url, "m.test", "7", "@anna@m.test")
    return MastodonConnector(target, Http(server.url, auth=Auth("abc"), on_visible=lambda: None))


def publish(turn: Turn, content: Content | None = None) -> Any:
    with raw_server(turn) as server:
        return connector_at(server).publish(step_of(content or "Hello", key="d.1"), progress=InMemoryProgress())


def routes(answers: dict[str, bytes | list[bytes]]) -> Turn:
    """Answer by the beginning of the path; of a list each answer once, the last one on."""
    left = {path: list(said) if isinstance(said, list) else [said] for path, said in answers.items()}

    def turn(connection: RawConnection) -> None:
        while request := connection.read_request():
            path = request.split()[1].decode()
            said = next(said for beginning, said in left.items() if path.startswith(beginning))
            connection.send(said.pop(0) if len(said) > 1 else said[0])

    return turn


def status(id: int, *, minute: int = 5, text: str = "Hello", **changes: Any) -> dict[str, Any]:
    made = SINCE + timedelta(minutes=minute)
    return {
        "id": str(id),
        "created_at": made.isoformat().replace("+00:00", ".000Z"),
        "in_reply_to_id": None,
        "spoiler_text": "",
        "content": f"<p>{text}</p>",
        "url": f"https://m.test/@anna/{id}",
        **changes,
    }


def source(text: str) -> bytes:
    return answer(json.dumps({"id": "1", "text": text, "spoiler_text": ""}))


def reconcile(turn: Turn, content: Content | None = None, **how: Any) -> Any:
    asked = {"progress": InMemoryProgress(), "since": SINCE, "known": frozenset[str](), **how}
    with raw_server(turn) as server:
        found = connector_at(server).reconcile(step_of(content or "Hello"), **asked)
    assert all(request.startswith(b"GET ") for request in server.requests)
    return found


# --- what is sent ---


def test_status_is_created_with_key_and_options() -> None:
    content = Content((Part("Grüße"),), {"visibility": "unlisted", "spoiler_text": "CW", "language": "de"})
    with raw_server(says(answer(STATUS))) as server:
        published = connector_at(server).publish(step_of(content, key="d.1"), progress=InMemoryProgress())

    head, _, body = server.requests[0].decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    assert published == Published("103254962155278888", "https://m.test/@a/1")
    assert lines[0] == "POST /api/v1/statuses HTTP/1.1"
    assert {"Authorization: Bearer abc", "Idempotency-Key: d.1.0", "Content-Type: application/json"} < set(lines)
    assert json.loads(body) == {"status": "Grüße", "visibility": "unlisted", "spoiler_text": "CW", "language": "de"}


def test_reply_names_its_parent() -> None:
    second = json.dumps({"id": 2, "url": None, "uri": "https://m.test/u/2"})
    content = Content((Part("One"), Part("Two", kind="reply")))
    with raw_server(says(answer(second))) as server:
        published = connector_at(server).publish(
            step_of(content, Published("7"), key="d.1"), progress=InMemoryProgress()
        )

    assert published == Published("2", "https://m.test/u/2")
    assert b"Idempotency-Key: d.1.1\r\n" in server.requests[0]
    assert json.loads(server.requests[0].partition(b"\r\n\r\n")[2]) == {"status": "Two", "in_reply_to_id": "7"}


def test_ids_are_no_paths() -> None:
    with raw_server(says(answer(STATUS))) as server:
        connector_at(server).delete("1/../../admin?x=")

    assert server.requests[0].startswith(b"DELETE /api/v1/statuses/1%2F..%2F..%2Fadmin%3Fx%3D HTTP/1.1\r\n")


# --- what answers are taken for ---


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", "null", '"1"', "<html></html>", '{"id":null}', '{"id":""}', '{"id":{}}', '{"id":tru']
)
def test_success_without_an_id_is_unknown(body: str) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        publish(says(answer(body)))

    assert caught.value.http_status == 200


REFUSALS: list[tuple[int, str, dict[str, str], type[CallFailed], str]] = [
    (400, '{"error":"Status is empty"}', {}, Rejected, "rejected"),
    (400, "Invalid Bearer token", {"content_type": "text/html"}, NeedsReconnect, "token_refused"),
    (401, '{"error":"The access token was revoked"}', {}, NeedsReconnect, "token_refused"),
    (401, HTML, {"content_type": "text/html"}, NeedsReconnect, "token_refused"),
    (403, '{"error":"This action is outside the authorized scopes"}', {}, NeedsReconnect, "scope_missing"),
    (403, '{"error":"out_of_scope"}', {}, NeedsReconnect, "scope_missing"),  # Takahe
    (403, '{"error":"Your login is currently disabled"}', {}, NeedsReconnect, "account_locked"),
    (403, '{"error":"Your login is missing a confirmed e-mail address"}', {}, NeedsReconnect, "account_locked"),
    (403, '{"error":"This action is not allowed"}', {}, Rejected, "not_permitted"),
    (403, HTML, {"server": "cloudflare", "content_type": "text/html"}, Unavailable, "challenged"),
    (403, HTML, {"cf_mitigated": "challenge"}, Unavailable, "challenged"),
    (404, '{"error":"Record not found"}', {}, Rejected, "not_found"),
    (404, HTML, {"content_type": "text/html"}, Rejected, "not_found"),
    (408, "", {}, OutcomeUnknown, "server_error"),
    (410, "", {}, Rejected, "not_found"),
    (413, HTML, {"content_type": "text/html"}, Rejected, "too_large"),
    (422, '{"error":"Validation failed: Text can\'t be blank"}', {}, Rejected, "validation_failed"),
    (422, '{"error":"Cannot attach files that have not finished processing."}', {}, Unavailable, "media_not_ready"),
    (429, '{"error":"Too many requests"}', {}, RateLimited, "rate_limited"),
    (301, HTML, {"location": "https://other.test/"}, Unavailable, "redirected"),
    (500, HTML, {"content_type": "text/html"}, OutcomeUnknown, "server_error"),
    (502, HTML, {"content_type": "text/html"}, OutcomeUnknown, "server_error"),
    (503, '{"error":"There was a temporary problem"}', {}, OutcomeUnknown, "server_error"),
    (520, "error code: 520", {"server": "cloudflare"}, OutcomeUnknown, "server_error"),
]


@pytest.mark.parametrize(("code", "body", "headers", "kind", "name"), REFUSALS)
def test_refusal_says_what_to_do(
    code: int, body: str, headers: dict[str, str], kind: type[CallFailed], name: str
) -> None:
    with pytest.raises(CallFailed) as caught:
        publish(says(answer(body, code, **headers)))

    assert (type(caught.value), caught.value.code, caught.value.http_status) == (kind, name, code)
    assert "<" not in caught.value.message


@pytest.mark.parametrize(("code", "body", "headers", "kind", "name"), REFUSALS)
def test_same_refusal_of_a_look_up_is_never_unknown(
    code: int, body: str, headers: dict[str, str], kind: type[CallFailed], name: str
) -> None:
    with pytest.raises(CallFailed) as caught:
        reconcile(says(answer(body, code, **headers)))

    assert type(caught.value) is (Unavailable if kind is OutcomeUnknown else kind)


def test_refusal_shows_the_servers_sentence() -> None:
    with pytest.raises(Rejected, match="Validation failed: Text can't be blank"):
        publish(says(answer('{"error":"Validation failed: Text can\'t be blank"}', 422)))


@pytest.mark.parametrize("can_refresh", [True, False])
def test_only_a_bad_token_may_be_refreshed(can_refresh: bool) -> None:
    said = answer('{"error":"x"}', 401) if can_refresh else answer('{"error":"outside the authorized scopes"}', 403)
    with pytest.raises(NeedsReconnect) as caught:
        publish(says(said))

    assert caught.value.can_refresh is can_refresh


def http_date(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")


def iso(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (lambda: {"x_ratelimit_reset": iso(300)}, 300),
        (lambda: {"x_ratelimit_reset": iso(3900), "date": http_date(3600)}, 300),  # an hour ahead of us
        (lambda: {"retry_after": "90"}, 90),
        (lambda: {"retry_after": http_date(90)}, 90),
        (lambda: {"retry_after": "90", "x_ratelimit_reset": iso(300)}, 90),
        (dict, 60),
        (lambda: {"x_ratelimit_reset": "soon"}, 60),
        (lambda: {"x_ratelimit_reset": iso(-300)}, 1),
        (lambda: {"x_ratelimit_reset": "9999-12-31T23:59:59Z"}, 86_400),
        (lambda: {"retry_after": "999999999"}, 86_400),
    ],
)
def test_window_opens_when_the_headers_say(headers: Callable[[], dict[str, str]], seconds: int) -> None:
    with pytest.raises(RateLimited) as caught:
        publish(says(answer("{}", 429, **headers())))

    wait = caught.value.until - datetime.now(UTC)
    assert seconds - 3 <= wait.total_seconds() <= seconds + 2


@pytest.mark.parametrize("said", [answer(HTML, 404, content_type="text/html"), answer("", 410), answer("{}")])
def test_status_that_is_gone_is_deleted(said: bytes) -> None:
    with raw_server(says(said)) as server:
        connector_at(server).delete("1")


# --- looking it up ---


def test_status_with_our_text_is_found() -> None:
    answers: dict[str, bytes | list[bytes]] = {
        "/api/v1/accounts/7/statuses": [answer(json.dumps([status(2), status(1)])), answer("[]")],
        "/api/v1/statuses/": source("Hello"),
    }
    with raw_server(routes(answers)) as server:
        found = connector_at(server).reconcile(
            step_of("Hello"), progress=InMemoryProgress(), since=SINCE, known=frozenset({"3"})
        )

    assert found == Found("1", "https://m.test/@anna/1")  # the older of two that could be it
    assert [request.split()[1].decode() for request in server.requests] == [
        "/api/v1/accounts/7/statuses?limit=40&exclude_reblogs=true",
        "/api/v1/accounts/7/statuses?limit=40&exclude_reblogs=true&max_id=1",
        "/api/v1/statuses/1/source",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"minute": -1},
        {"in_reply_to_id": "9"},
        {"spoiler_text": "CW"},
        {"id": 5},
    ],
)
def test_status_that_cannot_be_ours_is_not_found(change: dict[str, Any]) -> None:
    one = {**status(1, minute=change.pop("minute", 5)), **change}
    answers: dict[str, bytes | list[bytes]] = {
        "/api/v1/accounts": [answer(json.dumps([one])), answer("[]")],
        "/api/v1/statuses/": source("Hello"),
    }

    assert reconcile(routes(answers), known=frozenset({"5"})) == Absent()


def test_text_is_compared_by_source_and_not_by_what_is_shown() -> None:
    answers: dict[str, bytes | list[bytes]] = {
        "/api/v1/accounts": [answer(json.dumps([status(1), status(2, text="<b>Hello</b>")])), answer("[]")],
        "/api/v1/statuses/1/source": source("Hello!"),
        "/api/v1/statuses/2/source": source("**Hello**"),
    }

    assert reconcile(routes(answers), text_of("**Hello**\r\n")) == Found("2", "https://m.test/@anna/2")


def test_words_decide_where_the_server_gives_no_source() -> None:
    answers: dict[str, bytes | list[bytes]] = {
        "/api/v1/accounts": [answer(json.dumps([status(2, text="Other"), status(1)])), answer("[]")],
        "/api/v1/statuses/": answer(HTML, 404, content_type="text/html"),
    }

    assert reconcile(routes(answers)) == Found("1", "https://m.test/@anna/1")


def test_source_that_cannot_be_had_now_leaves_it_open() -> None:
    answers: dict[str, bytes | list[bytes]] = {
        "/api/v1/accounts": [answer(json.dumps([status(1)])), answer("[]")],
        "/api/v1/statuses/": answer("{}", 503),
    }

    with pytest.raises(Unavailable):
        reconcile(routes(answers))


def test_page_that_ends_before_the_mark_ends_the_look_up() -> None:
    answers: dict[str, bytes | list[bytes]] = {
        "/api/v1/accounts": answer(json.dumps([status(2, text="Other"), status(1, minute=-5)])),
        "/api/v1/statuses/": source("Other"),
    }
    with raw_server(routes(answers)) as server:
        found = connector_at(server).reconcile(
            step_of("Hello"), progress=InMemoryProgress(), since=SINCE, known=frozenset()
        )

    assert found == Absent()
    assert sum(b"/accounts/" in request for request in server.requests) == 1


def test_too_many_pages_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PAGES", 3)
    answers: dict[str, bytes | list[bytes]] = {"/api/v1/accounts": answer(json.dumps([status(1, text="Other")]))}

    assert isinstance(reconcile(routes(answers)), CannotTell)


def test_too_many_candidates_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SOURCES", 2)
    many = [status(number, text="Other") for number in range(3)]
    answers: dict[str, bytes | list[bytes]] = {
        "/api/v1/accounts": [answer(json.dumps(many)), answer("[]")],
        "/api/v1/statuses/": source("Other"),
    }

    assert isinstance(reconcile(routes(answers)), CannotTell)


@pytest.mark.parametrize("body", ["{}", "<html>", "", '"x"'])
def test_list_that_is_none_leaves_it_open(body: str) -> None:
    with pytest.raises(Unavailable):
        reconcile(says(answer(body)))


@pytest.mark.parametrize("body", ["[1]", "[null]", '[{"a":1}]', '[{"id":"1","created_at":"yesterday"}]'])
def test_list_of_something_else_leaves_it_open(body: str) -> None:
    with pytest.raises(Unavailable):
        reconcile(says(answer(body)))


# --- what may be published ---


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (text_of("x" * 500), []),
        (text_of("x" * 501), [("content", "too_long", {"limit": 500, "actual": 501})]),
        (text_of("   "), [("content", "empty", {})]),
        (
            Content((Part("a"), Part("x" * 502, field="thread.1"))),
            [("thread.1", "too_long", {"limit": 500, "actual": 502})],
        ),
        (
            Content((Part("x" * 490),), {"spoiler_text": "y" * 20}),
            [("content", "too_long", {"limit": 500, "actual": 510})],
        ),
        (
            Content((Part("a"),), post_type="reel"),
            [("post_type", "post_type_not_supported", {"valid": ["standard", "thread"]})],
        ),
        (
            Content((Part("a"),), {"visibility": "friends"}),
            [
                (
                    "post_options.mastodon.visibility",
                    "invalid_choice",
                    {"valid": ["public", "unlisted", "private", "direct"]},
                )
            ],
        ),
        (
            Content((Part("a"),), {"visibility": 1}),
            [("post_options.mastodon.visibility", "invalid_type", {"type": "string"})],
        ),
        (
            Content((Part("a"),), {"sensitive": "yes"}),
            [("post_options.mastodon.sensitive", "invalid_type", {"type": "boolean"})],
        ),
        (Content((Part("a"),), {"language": "German"}), [("post_options.mastodon.language", "invalid_format", {})]),
        (
            Content((Part("a"),), {"poll": {}}),
            [
                (
                    "post_options.mastodon.poll",
                    "unknown_option",
                    {"valid": list(MastodonConnector.capabilities.options["properties"])},
                )
            ],
        ),
        (
            Content(
                (Part("a"),), {"visibility": "direct", "sensitive": False, "language": "zh-CN", "spoiler_text": ""}
            ),
            [],
        ),
    ],
)
def test_content_is_checked(content: Content, problems: list[tuple[str, str, dict[str, Any]]]) -> None:
    found = MastodonConnector.validate(content, None)

    assert [(one.field, one.code, dict(one.params)) for one in found] == problems


def test_limits_of_the_server_go_before_stock() -> None:
    info = {"limits": {"max_characters": 5000, "characters_reserved_per_url": 10}}
    target = Target("https://glitch.test", "glitch.test", "1", "@a@glitch.test", info)

    assert MastodonConnector.validate(text_of("x" * 5000), target) == []
    [problem] = MastodonConnector.validate(text_of("x" * 4990 + " https://example.com/"), target)
    assert (problem.params, "glitch.test" in problem.message) == ({"limit": 5000, "actual": 5001}, True)


def test_a_text_is_measured_as_the_server_counts() -> None:
    info = {"limits": {"max_characters": 5000, "characters_reserved_per_url": 10}}
    target = Target("https://glitch.test", "glitch.test", "1", "@a@glitch.test", info)
    content = Content((Part("a"), Part("👨‍👩‍👧 https://example.com/")), {"spoiler_text": "hm"})

    assert MastodonConnector.measure(content, 1, target) == Measure(2 + 2 + 10, 5000)
    assert MastodonConnector.measure(content, 1, None) == Measure(2 + 2 + 23, 500)
    assert MastodonConnector.measure(Content((Part("a"),), {"spoiler_text": 5}), 0, None) == Measure(1, 500)
