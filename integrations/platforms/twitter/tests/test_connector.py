"""The connector on exact bytes: what is sent, and what each answer is taken for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.contract import Absent, CannotTell, Content, Found, MediaUse, Part, Published, Target
from integrations.errors import (
    CallFailed,
    NeedsReconnect,
    OperatorProblem,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from integrations.platforms.twitter import connector as module
from integrations.platforms.twitter.connector import TwitterConnector
from integrations.platforms.twitter.reading import first_id_of
from mastablasta.core.outbound import Auth, Http, connections
from tests.kit.connector_contract import InMemoryProgress, step_of, text_of, thread_of
from tests.kit.raw_server import RawConnection, RawServer, Turn, answer, raw_server, says

SINCE = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ID = "1992578411000000000"
HTML = "<!DOCTYPE html><html><body><h1>Forbidden</h1></body></html>"
TYPES = "https://api.x.com/2/problems/"


def connector_at(server: RawServer, **facts: Any) -> TwitterConnector:
    connections.drop_kept()
    target = Target(server.url, "api.x.com", "7", "@anna", facts=facts)
    return TwitterConnector(target, Http(server.url, auth=Auth("abc"), on_visible=lambda: None))


def created(id: str = ID) -> bytes:
    return answer(json.dumps({"data": {"id": id, "text": "Hello", "edit_history_post_ids": [id]}}), 201)


def problem(status: int, detail: str = "", kind: str = "", title: str = "Forbidden", **headers: str) -> bytes:
    body = {"title": title, "detail": detail, "type": f"{TYPES}{kind}" if kind else "about:blank", "status": status}
    return answer(json.dumps(body), status, content_type="application/problem+json", **headers)


DUPLICATE = problem(403, "You are not allowed to create a Tweet with duplicate content.")


def publish(turn: Turn, content: Content | None = None, progress: InMemoryProgress | None = None) -> Any:
    with raw_server(turn) as server:
        return connector_at(server).publish(step_of(content or "Hello"), progress=progress or InMemoryProgress())


def body_of(request: bytes) -> Any:
    return json.loads(request.partition(b"\r\n\r\n")[2])


def query_of(request: bytes) -> dict[str, str]:
    query = urlsplit(request.split()[1].decode()).query
    return {name: values[0] for name, values in parse_qs(query).items()}


def post(number: int, text: str = "Hello", **fields: Any) -> dict[str, Any]:
    """A post made `number` seconds after SINCE, under the new names."""
    own = str(first_id_of(SINCE + timedelta(seconds=number)) + 1)
    return {"id": own, "text": text, "edit_history_post_ids": [own], "conversation_id": own, **fields}


def listed(*posts: dict[str, Any], **fields: Any) -> bytes:
    found = {"data": list(posts)} if posts else {}
    return answer(json.dumps({**found, "meta": {"result_count": len(posts)}, **fields}))


def reconcile(turn: Turn, content: Content | None = None, *sent: Published, **how: Any) -> Any:
    asked = {"progress": InMemoryProgress(), "since": SINCE, "known": frozenset[str](), **how}
    with raw_server(turn) as server:
        found = connector_at(server).reconcile(step_of(content or "Hello", *sent), **asked)
    assert all(request.startswith(b"GET ") for request in server.requests)
    return found


def address(post: dict[str, Any]) -> str:
    return f"/anna/status/{post['id']}"


# --- what is sent ---


def test_post_is_created_with_its_options() -> None:
    content = Content((Part("Grüße"),), {"reply_settings": "following", "made_with_ai": True})
    with raw_server(says(created())) as server:
        published = connector_at(server).publish(step_of(content), progress=InMemoryProgress())

    head = server.requests[0].decode().partition("\r\n\r\n")[0].split("\r\n")
    assert published == Published(ID, f"{server.url}/anna/status/{ID}")
    assert head[0] == "POST /2/tweets HTTP/1.1"
    assert {"Authorization: Bearer abc", "Content-Type: application/json"} < set(head)
    assert body_of(server.requests[0]) == {"text": "Grüße", "reply_settings": "following", "made_with_ai": True}


def test_address_of_a_post_is_not_at_the_host_of_the_api() -> None:
    target = Target("https://api.x.com", "api.x.com", "7", "@anna")

    url = TwitterConnector(target, Http("https://api.x.com"))._url("5")

    assert url == "https://x.com/anna/status/5"


def test_reply_names_its_parent_and_says_nothing_of_who_may_reply() -> None:
    content = Content(
        (Part("One"), Part("Two", kind="reply")), {"reply_settings": "verified", "paid_partnership": True}
    )
    with raw_server(says(created())) as server:
        connector_at(server).publish(step_of(content, Published("7")), progress=InMemoryProgress())

    assert body_of(server.requests[0]) == {
        "text": "Two",
        "reply": {"in_reply_to_tweet_id": "7"},
        "paid_partnership": True,
    }


def test_body_has_no_key_that_x_does_not_know_and_no_null() -> None:
    content = Content((Part("Hello"),), {"reply_settings": None, "geo": "1", "nonsense": 1})
    with raw_server(says(created())) as server:
        connector_at(server).publish(step_of(content), progress=InMemoryProgress())

    assert body_of(server.requests[0]) == {"text": "Hello"}


def test_ids_are_no_paths() -> None:
    with raw_server(says(answer('{"data":{"deleted":true}}'))) as server:
        connector_at(server).delete("1/../../admin?x=")

    assert server.requests[0].startswith(b"DELETE /2/tweets/1%2F..%2F..%2Fadmin%3Fx%3D HTTP/1.1\r\n")


# --- what answers are taken for ---


@pytest.mark.parametrize(
    "body",
    [
        "", "{}", "[]", "null", '{"data":null}', '{"data":[]}', '{"data":{}}', '{"data":{"id":null}}', "<html></html>",
        '{"data":{"id":""}}', '{"data":{"id":7}}', '{"data":{"id":"1', '{"errors":[{"title":"Internal Error"}]}',
        '{"errors":[{"type":"https://api.x.com/2/problems/resource-not-found","title":"Not Found Error"}]}',
    ],
)  # fmt: skip
def test_success_without_an_id_is_unknown(body: str) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        publish(says(answer(body, 201)))

    assert caught.value.http_status == 201


def test_success_with_a_plain_refusal_is_one() -> None:
    error = {"title": "Invalid Request", "detail": "Too long.", "type": f"{TYPES}invalid-request"}

    with pytest.raises(Rejected) as caught:
        publish(says(answer(json.dumps({"errors": [error]}))))

    assert (caught.value.code, caught.value.message) == ("invalid_request", "X refused it: Too long.")


REFUSALS: list[tuple[bytes, type[CallFailed], str]] = [
    (problem(401, "Unauthorized", title="Unauthorized"), NeedsReconnect, "token_refused"),
    (answer("", 401), NeedsReconnect, "token_refused"),
    (answer('{"errors":[{"code":89,"message":"Invalid or expired token."}]}', 401), NeedsReconnect, "token_refused"),
    (problem(403, "", "unsupported-authentication"), NeedsReconnect, "wrong_token"),
    (problem(403, "The token lacks the required scopes."), NeedsReconnect, "scope_missing"),
    (problem(403, "", "user-suspended"), NeedsReconnect, "account_locked"),
    (problem(403, "Your account is suspended and is not permitted …"), NeedsReconnect, "account_locked"),
    (problem(401, "The user has been suspended."), NeedsReconnect, "account_locked"),
    (problem(403, "To protect our users, your account is temporarily locked."), NeedsReconnect, "account_locked"),
    (answer('{"errors":[{"code":326,"message":"Log in"}]}', 403), NeedsReconnect, "account_locked"),
    (problem(403, "", "client-forbidden", "Client Forbidden"), OperatorProblem, "client_forbidden"),
    (problem(403, "", "oauth1-permissions"), OperatorProblem, "app_read_only"),
    (answer('{"errors":[{"code":261,"message":"Application cannot"}]}', 403), OperatorProblem, "app_read_only"),
    (problem(402, "No credits.", "credits", "CreditsDepleted"), OperatorProblem, "credits_depleted"),
    (problem(402, "", "credits-depleted", "Payment Required"), OperatorProblem, "credits_depleted"),
    (answer("", 402), OperatorProblem, "credits_depleted"),
    (problem(429, "Usage cap exceeded: Monthly", "usage-capped"), OperatorProblem, "usage_capped"),
    (problem(429, "Too Many Requests", title="Too Many Requests"), RateLimited, "rate_limited"),
    (answer(HTML, 429, content_type="text/html"), RateLimited, "rate_limited"),
    (answer('{"errors":[{"code":88,"message":"Rate limit exceeded"}]}', 400), RateLimited, "rate_limited"),
    (DUPLICATE, Rejected, "duplicate"),
    (answer('{"errors":[{"code":187,"message":"Status is a duplicate."}]}', 403), Rejected, "duplicate"),
    (problem(403, "You may only include one cashtag in a post."), Rejected, "too_many_cashtags"),
    (problem(400, "Only one cashtag …", "invalid-request"), Rejected, "too_many_cashtags"),
    (problem(403, "Reply to this conversation is not allowed because …"), Rejected, "reply_not_allowed"),
    (problem(403, "You attempted to reply to a Tweet that is deleted or not visible"), Rejected, "parent_gone"),
    (problem(403, "You are not permitted to perform this action."), Rejected, "not_permitted"),
    (problem(403, "Forbidden"), Rejected, "not_permitted"),
    (problem(400, "One or more parameters …", "invalid-request"), Rejected, "invalid_request"),
    (problem(400, "My account is locked", "invalid-request"), Rejected, "invalid_request"),
    (answer('{"errors":[{"message":"odd"}]}', 400), Rejected, "invalid_request"),
    (problem(404, "", "resource-not-found"), Rejected, "not_found"),
    (answer("", 413), Rejected, "too_large"),
    (answer(HTML, 403, content_type="text/html"), Unavailable, "gateway"),
    (answer("", 400), Unavailable, "gateway"),
    (answer("", 404), Unavailable, "gateway"),
    (answer("", 301, location="https://other.test/"), Unavailable, "redirected"),
    (answer("", 408), OutcomeUnknown, "server_error"),
    (problem(500, "", "internal-error", "Internal Error"), OutcomeUnknown, "server_error"),
    (answer("", 503), OutcomeUnknown, "server_error"),
    (answer(HTML, 502, content_type="text/html"), OutcomeUnknown, "server_error"),
]


@pytest.mark.parametrize(("said", "outcome", "code"), REFUSALS)
def test_refusal_says_what_is_next(said: bytes, outcome: type[CallFailed], code: str) -> None:
    with pytest.raises(CallFailed) as caught:
        publish(says(said))

    assert (type(caught.value), caught.value.code) == (outcome, code)
    assert caught.value.http_status == int(said.split()[1])


def test_types_of_the_old_host_are_known_too() -> None:
    body = {"title": "Client Forbidden", "type": "https://api.twitter.com/2/problems/client-forbidden"}

    with pytest.raises(OperatorProblem):
        publish(says(answer(json.dumps(body), 403)))


@pytest.mark.parametrize(
    ("said", "can_refresh"),
    [
        (problem(401, "Unauthorized", title="Unauthorized"), True),
        (problem(403, "", "user-suspended"), False),
        (problem(403, "", "unsupported-authentication"), False),
    ],
)
def test_only_a_refused_token_is_worth_a_refresh(said: bytes, can_refresh: bool) -> None:
    with pytest.raises(NeedsReconnect) as caught:
        publish(says(said))

    assert caught.value.can_refresh is can_refresh


def test_what_is_wrong_with_a_request_is_told() -> None:
    body = {
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": f"{TYPES}invalid-request",
        "errors": [{"message": "$.text: is too long", "parameters": {"$.text": ["secret words"]}}],
    }

    with pytest.raises(Rejected) as caught:
        publish(says(answer(json.dumps(body), 400)))

    assert "$.text: is too long" in caught.value.message
    assert "secret words" not in caught.value.message


def epoch(seconds: int) -> str:
    return str(int((datetime.now(UTC) + timedelta(seconds=seconds)).timestamp()))


@pytest.mark.parametrize(
    ("headers", "seconds", "scope"),
    [
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": "+600"}, 600, "account"),
        ({"x_rate_limit_reset": "+600"}, 600, "account"),
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": "-5"}, 1, "account"),
        (
            {
                "x_rate_limit_remaining": "42",
                "x_rate_limit_reset": "+600",
                "x_user_limit_24hour_remaining": "0",
                "x_user_limit_24hour_reset": "+7200",
            },
            7200,
            "account",
        ),
        (
            {
                "x_rate_limit_remaining": "0",
                "x_rate_limit_reset": "+600",
                "x_app_limit_24hour_remaining": "0",
                "x_app_limit_24hour_reset": "+9000",
            },
            9000,
            "host",
        ),
        ({"x_rate_limit_remaining": "42", "x_rate_limit_reset": "+600", "retry_after": "30"}, 30, "account"),
        ({}, 60, "account"),
        ({"x_rate_limit_reset": "soon"}, 60, "account"),
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": "99999999999"}, 86_400, "account"),
    ],
)
def test_window_opens_when_the_one_that_is_used_up_says(headers: dict[str, str], seconds: int, scope: str) -> None:
    sent = {name: epoch(int(value)) if value[0] in "+-" else value for name, value in headers.items()}
    now = datetime.now(UTC)

    with pytest.raises(RateLimited) as caught:
        publish(says(problem(429, "Too Many Requests", **sent)))

    assert abs((caught.value.until - now).total_seconds() - seconds) < 3
    assert caught.value.scope == scope


# --- duplicates ---


def test_duplicate_at_a_first_send_is_refused() -> None:
    notes = InMemoryProgress()

    with pytest.raises(Rejected) as caught:
        publish(says(DUPLICATE), progress=notes)

    assert (caught.value.code, notes.saves) == ("duplicate", [])


def test_duplicate_after_a_send_that_may_be_out_is_unknown_and_noted() -> None:
    notes = InMemoryProgress(maybe_out_since=SINCE.isoformat())

    with pytest.raises(OutcomeUnknown) as caught:
        publish(says(DUPLICATE), progress=notes)

    assert (caught.value.code, caught.value.http_status) == ("duplicate", 403)
    assert notes.saves == [{"refused_as_duplicate": True}]


def test_absence_is_noted_once_with_its_beginning() -> None:
    notes = InMemoryProgress()

    looks = [reconcile(says(listed()), progress=notes, since=SINCE + timedelta(minutes=i)) for i in (0, 5)]

    assert looks == [Absent(), Absent()]
    assert notes.saves == [{"maybe_out_since": SINCE.isoformat()}]


def test_absence_is_no_more_believed_once_it_was_refused_as_a_duplicate() -> None:
    notes = InMemoryProgress(maybe_out_since=SINCE.isoformat(), refused_as_duplicate=True)

    with pytest.raises(Unavailable) as caught:
        reconcile(says(listed()), progress=notes)

    assert caught.value.code == "not_shown_yet"


def test_look_goes_back_to_the_first_send_that_may_be_out() -> None:
    notes, hit = InMemoryProgress(maybe_out_since=SINCE.isoformat(), refused_as_duplicate=True), post(5)
    with raw_server(says(listed(hit))) as server:
        found = connector_at(server).reconcile(
            step_of("Hello"), progress=notes, since=SINCE + timedelta(hours=1), known=frozenset()
        )

    assert query_of(server.requests[0])["since_id"] == str(first_id_of(SINCE))
    assert found == Found(hit["id"], f"{server.url}{address(hit)}")


# --- whether it is out ---


def test_account_is_asked_for_its_posts_since_then_by_the_old_names() -> None:
    with raw_server(says(listed())) as server:
        connector_at(server).reconcile(step_of("Hello"), progress=InMemoryProgress(), since=SINCE, known=frozenset())

    [request] = server.requests
    assert request.split()[1].startswith(b"/2/users/7/tweets?")
    assert query_of(request) == {
        "max_results": "100",
        "since_id": str(first_id_of(SINCE)),
        "exclude": "retweets",
        "tweet.fields": "attachments,conversation_id,entities,note_tweet,referenced_tweets",
        "expansions": "attachments.media_keys",
        "media.fields": "type",
    }


def test_account_is_asked_by_the_new_names_where_the_old_ones_are_refused() -> None:
    hit = post(5)
    with raw_server(says(problem(400, "…", "invalid-request", "Invalid Request"), listed(hit))) as server:
        found = connector_at(server).reconcile(
            step_of("Hello"), progress=InMemoryProgress(), since=SINCE, known=frozenset()
        )

    names = set(query_of(server.requests[1])) - {"max_results", "since_id", "exclude"}
    assert names == {"post.fields", "expansions", "media.fields"}
    assert isinstance(found, Found)


@pytest.mark.parametrize("odd", ["9" * 20, "9" * 5000, "²", "", "1e3", 7.5, None])
def test_list_with_something_without_an_id_of_a_post_is_not_believed(odd: object) -> None:
    with pytest.raises(Unavailable) as caught:
        reconcile(says(listed({**post(5), "id": odd}, post(6))))

    assert caught.value.code == "unreadable"


def test_ids_count_milliseconds() -> None:
    """The post in X's own examples: https://docs.x.com/x-api/posts/get-post-by-id (read 2026-11-23)."""
    example, made_at = 1346889436626259968, datetime(2021, 1, 6, 18, 40, 40, tzinfo=UTC)

    assert first_id_of(made_at) < example < first_id_of(made_at + timedelta(seconds=1))
    assert first_id_of(datetime(2000, 1, 1, tzinfo=UTC)) == 0


def test_the_oldest_that_is_not_known_is_ours() -> None:
    first, second, third = post(1), post(2), post(3)

    found = reconcile(says(listed(third, second, first)), known=frozenset({first["id"]}))

    assert isinstance(found, Found)
    assert found.remote_id == second["id"]


def test_what_is_older_is_not_ours() -> None:
    assert reconcile(says(listed(post(-1)))) == Absent()


def test_all_pages_are_read() -> None:
    hit = post(1)
    more = listed(post(2, "Other"), meta={"result_count": 1, "next_token": "n&xt"})
    with raw_server(says(more, listed(hit))) as server:
        found = connector_at(server).reconcile(
            step_of("Hello"), progress=InMemoryProgress(), since=SINCE, known=frozenset()
        )

    assert isinstance(found, Found)
    assert [query_of(request).get("pagination_token") for request in server.requests] == [None, "n&xt"]


def test_list_without_end_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PAGES", 2)
    more = listed(post(2, "Other"), meta={"result_count": 1, "next_token": "n"})

    assert reconcile(says(more)) == CannotTell("the account has more posts since then than 2 pages show")


LONG = "word " * 100


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a & b", {"text": "a &amp; b"}),
        (
            "see example.com/a now",
            {
                "text": "see https://t.co/x now",
                "entities": {"urls": [{"url": "https://t.co/x", "expanded_url": "http://example.com/a"}]},
            },
        ),
        (LONG, {"text": f"{LONG[:270]}…", "note_post": {"text": LONG.strip()}}),
        (LONG, {"text": f"{LONG[:270]}…", "note_tweet": {"text": LONG.strip()}}),
        (
            f"{LONG} example.com",
            {
                "text": f"{LONG[:270]}…",
                "note_tweet": {
                    "text": f"{LONG} https://t.co/x",
                    "entities": {"urls": [{"url": "https://t.co/x", "expanded_url": "http://example.com"}]},
                },
            },
        ),
    ],
)
def test_text_is_recognised_as_x_shows_it(text: str, fields: dict[str, Any]) -> None:
    hit = post(5, **fields)

    found = reconcile(says(listed(hit)), text_of(text))

    assert isinstance(found, Found)
    assert found.remote_id == hit["id"]


def reply(number: int, parent: str, name: str = "referenced_posts", **fields: Any) -> dict[str, Any]:
    return post(number, conversation_id="7", **{name: [{"type": "replied_to", "id": parent}]}, **fields)


@pytest.mark.parametrize("name", ["referenced_posts", "referenced_tweets"])
def test_reply_is_recognised_by_its_parent_under_either_name(name: str) -> None:
    same = [post(1), reply(2, "7", name), reply(3, "8", name), reply(4, "9", name)]

    found = reconcile(says(listed(*same)), thread_of("Hello", "Hello", "Hello"), Published("7"), Published("8"))

    assert found.remote_id == same[2]["id"]


def test_root_answers_nothing() -> None:
    assert reconcile(says(listed(reply(2, "7")))) == Absent()


def test_place_is_told_by_the_conversation_where_no_parent_is_named() -> None:
    content = thread_of("Hello", "Hello")
    stray, ours = post(1), post(2, conversation_id="7")

    assert reconcile(says(listed(ours, stray)), content, Published("7")).remote_id == ours["id"]
    assert reconcile(says(listed(ours))) == Absent()


def test_quote_may_be_a_root() -> None:
    quoting = post(2, referenced_posts=[{"type": "quoted", "id": "3"}])

    assert reconcile(says(listed(quoting))).remote_id == quoting["id"]


def test_post_is_recognised_although_its_parent_is_not_shown() -> None:
    errors = [{"type": f"{TYPES}resource-not-found", "title": "Not Found Error", "resource_id": "7"}]

    found = reconcile(says(listed(reply(2, "7"), errors=errors)), thread_of("Hello", "Hello"), Published("7"))

    assert isinstance(found, Found)


@pytest.mark.parametrize("kind", ["resource-not-found", "not-authorized-for-resource", "resource-unavailable"])
def test_list_that_is_closed_to_us_cannot_tell(kind: str) -> None:
    error = {"title": "Authorization Error", "detail": "You are not allowed to see it.", "type": f"{TYPES}{kind}"}

    looked = reconcile(says(answer(json.dumps({"errors": [error]}))))

    assert isinstance(looked, CannotTell)
    assert "You are not allowed to see it." in looked.reason


@pytest.mark.parametrize("said", [problem(400, "Bad id", "invalid-request"), problem(403, "Not permitted …")])
def test_list_that_is_refused_cannot_tell(said: bytes) -> None:
    assert isinstance(reconcile(says(said)), CannotTell)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (problem(401, "Unauthorized"), NeedsReconnect),
        (problem(429, "Too Many Requests"), RateLimited),
        (problem(402, "…", "credits"), OperatorProblem),
        (problem(503, "…"), Unavailable),
        (answer(json.dumps({"errors": [{"detail": "User has been suspended: [7]."}]})), NeedsReconnect),
        (answer(json.dumps({"errors": [{"title": "Internal Error"}]})), Unavailable),
    ],
)
def test_list_that_does_not_come_leaves_it_open(said: bytes, outcome: type[CallFailed]) -> None:
    with pytest.raises(outcome):
        reconcile(says(said))


@pytest.mark.parametrize(
    "body",
    [
        "", "{}", "[]", "null", '{"data":{}}', '{"data":[1]}', '{"data":[{"id":"1"}]}', '{"data":null,"meta":{}}',
        '{"data":[{"id":1,"text":"a"}]}', '{"data":[{"id":"²","text":"a"}],"meta":{}}', '{"meta":7}', "<html></html>",
    ],
)  # fmt: skip
def test_list_of_something_else_leaves_it_open(body: str) -> None:
    with pytest.raises(Unavailable):
        reconcile(says(answer(body)))


# --- taking back ---


@pytest.mark.parametrize(
    "said",
    [
        answer('{"data":{"deleted":true}}'),
        problem(404, "Could not find tweet", "resource-not-found"),
        answer("", 404),
        answer(json.dumps({"errors": [{"type": f"{TYPES}resource-not-found", "title": "Not Found Error"}]})),
    ],
)
def test_deleted_and_gone_are_the_same(said: bytes) -> None:
    with raw_server(says(said)) as server:
        connector_at(server).delete("1")

    assert server.requests[0].startswith(b"DELETE /2/tweets/1 ")


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (answer('{"data":{"deleted":false}}'), Unavailable),
        (answer("{}"), Unavailable),
        (answer("", 503), Unavailable),
        (problem(401, "Unauthorized"), NeedsReconnect),
        (problem(403, "You are not authorized to delete this Tweet."), Rejected),
        (problem(429, "Too Many Requests"), RateLimited),
    ],
)
def test_delete_that_fails_says_so(said: bytes, outcome: type[CallFailed]) -> None:
    with raw_server(says(said)) as server, pytest.raises(outcome):
        connector_at(server).delete("1")


# --- what is refused before it is sent ---

PREMIUM = Target("https://api.x.com", "api.x.com", "7", "@anna", facts={"subscription_type": "Premium"})
FREE = Target("https://api.x.com", "api.x.com", "7", "@anna", facts={"subscription_type": "None"})
PICTURE = MediaUse("1", "", "image/png", 1)
FILM = MediaUse("2", "", "video/mp4", 1, kind="video")


@pytest.mark.parametrize(
    ("content", "target", "problems"),
    [
        (text_of("Hello"), None, []),
        (text_of("x" * 280), None, []),
        (text_of("x" * 281), None, [("content", "too_long", {"limit": 280, "actual": 281})]),
        (text_of("日" * 141), FREE, [("content", "too_long", {"limit": 280, "actual": 282})]),
        (text_of("👨‍👩‍👧‍👦" * 140), FREE, []),
        (text_of("https://example.com/" + "a" * 500), FREE, []),
        (text_of("x" * 281), PREMIUM, []),
        (text_of("x" * 25_001), PREMIUM, [("content", "too_long", {"limit": 25_000, "actual": 25_001})]),
        (text_of("  \n"), None, [("content", "empty", {})]),
        (text_of("a\ufeffb"), None, [("content", "invalid_characters", {})]),
        (text_of("$TSLA"), None, []),
        (text_of("$TSLA $AAPL $X"), None, [("content", "too_many_cashtags", {"limit": 1, "actual": 3})]),
        (
            Content((Part("a"), Part("x" * 290, kind="reply", field="thread.1")), post_type="thread"),
            None,
            [("thread.1", "too_long", {"limit": 280, "actual": 290})],
        ),
        (Content((Part("", media=(PICTURE,) * 4),)), None, []),
        (
            Content((Part("a", media=(PICTURE,) * 5),)),
            None,
            [("media", "too_many_media", {"kind": "image", "limit": 4, "actual": 5})],
        ),
        (
            Content(
                (Part("a"), Part("", media=(PICTURE, FILM), kind="reply", media_field="thread.1.media")),
                post_type="thread",
            ),
            None,
            [("thread.1.media", "media_cannot_mix", {"kinds": ["image", "video"]})],
        ),
        (
            Content((Part("a", media=(replace(PICTURE, alt_text="x" * 1001),)),)),
            None,
            [("media.0", "alt_text_too_long", {"limit": 1000, "actual": 1001})],
        ),
        (
            Content((Part("a"),), {"reply_settings": "everyone"}),
            None,
            [
                (
                    "post_options.twitter.reply_settings",
                    "invalid_choice",
                    {"valid": ["following", "mentionedUsers", "subscribers", "verified"]},
                )
            ],
        ),
        (
            Content((Part("a"),), {"made_with_ai": "yes"}),
            None,
            [("post_options.twitter.made_with_ai", "invalid_type", {"type": "boolean"})],
        ),
        (
            Content((Part("a"),), {"geo": "1"}),
            None,
            [
                (
                    "post_options.twitter.geo",
                    "unknown_option",
                    {"valid": list(TwitterConnector.capabilities.options["properties"])},
                )
            ],
        ),
    ],
)
def test_what_x_would_refuse_is_found(content: Content, target: Target | None, problems: list[Any]) -> None:
    found = TwitterConnector.validate(content, target)

    assert [(one.field, one.code, dict(one.params)) for one in found] == problems


@pytest.mark.parametrize(
    ("texts", "fields", "twin"),
    [
        (["same", "same"], ["thread.1"], "thread.0"),
        (["one", "two", "one"], ["thread.2"], "thread.0"),
        (["same", "same", "same"], ["thread.1", "thread.2"], "thread.0"),
        (["a  b", " a b\n"], ["thread.1"], "thread.0"),
        (["caf\u00e9", "cafe\u0301"], ["thread.1"], "thread.0"),
        (["see https://example.com/", "see http://EXAMPLE.com"], ["thread.1"], "thread.0"),
    ],
)
def test_equal_parts_are_found_before_x_refuses_them(texts: list[str], fields: list[str], twin: str) -> None:
    parts = tuple(Part(text, kind="reply" if n else "post", field=f"thread.{n}") for n, text in enumerate(texts))

    found = TwitterConnector.validate(Content(parts, post_type="thread"), None)

    assert [(one.field, one.code, dict(one.params)) for one in found] == [
        (field, "duplicate_text", {"same_as": twin}) for field in fields
    ]
    assert found[0].message == f"X refuses the same text twice; {fields[0]} equals {twin}. Change one of them."


def test_first_comment_that_equals_the_post_is_found() -> None:
    parts = (Part("Hello", field="content"), Part("Hello ", kind="comment", field="first_comment"))

    [found] = TwitterConnector.validate(Content(parts), None)

    assert (found.field, found.code, dict(found.params)) == ("first_comment", "duplicate_text", {"same_as": "content"})


def test_parts_that_differ_or_have_no_text_are_no_duplicates() -> None:
    files = (Part("", media=(PICTURE,)), Part("", media=(PICTURE,), kind="reply"))

    assert TwitterConnector.validate(Content(files, post_type="thread"), None) == []
    capital = (Part("Same"), Part("same", kind="reply"))
    assert TwitterConnector.validate(Content(capital, post_type="thread"), None) == []


def test_story_is_no_type_of_post() -> None:
    [found] = TwitterConnector.validate(Content((Part("a"),), post_type="story"), None)

    assert (found.field, found.code) == ("post_type", "post_type_not_supported")


def test_connection_that_breaks_is_unknown() -> None:
    def turn(connection: RawConnection) -> None:
        connection.read_request()
        connection.reset()

    with pytest.raises(OutcomeUnknown):
        publish(turn)
