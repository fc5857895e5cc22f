from __future__ import annotations

import re
import time
from typing import Any

import pytest

from sandbox.tests.clients import Control
from sandbox.tests.twitter import INVALID, Session, X, check_answer, forbidden, invalid, problem

EPOCH_MS = 1_288_834_974_657
UNDEFINED = "is not defined in the schema and the schema does not allow additional properties"
DUPLICATE = "You are not allowed to create a Tweet with duplicate content."


def test_post_is_created_and_seen_by_the_world(control: Control, ann: Session) -> None:
    answer = ann.post("Hello")

    post_id = answer.json()["data"]["id"]
    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.json() == {"data": {"id": post_id, "text": "Hello", "edit_history_post_ids": [post_id]}}
    row = control.posts(platform="twitter", account="ann")[0]
    assert row.pop("created_at")
    assert row == {
        "id": post_id,
        "platform": "twitter",
        "instance": "twitter",
        "account": "ann",
        "text": "Hello",
        "media": [],
        "reply_to": None,
        "url": f"{control.origin}/twitter/ann/status/{post_id}",
        "visibility": "public",
        "spoiler_text": "",
        "language": None,
    }


def test_answer_fits_the_schema(ann: Session) -> None:
    check_answer(ann.post("Hello https://example.com"), "post", "/2/tweets")


def test_id_is_a_snowflake_of_the_moment(ann: Session) -> None:
    before_ms = time.time_ns() // 1_000_000

    first, second = ann.posted("One")["id"], ann.posted("Two")["id"]

    after_ms = time.time_ns() // 1_000_000
    assert before_ms <= (int(first) >> 22) + EPOCH_MS <= after_ms
    assert int(first) < int(second)


def test_text_is_answered_with_short_links_and_escaped(control: Control, ann: Session) -> None:
    text = "<a> & https://example.com/a?b=c&d, example.com"

    shown = ann.posted(text)["text"]

    assert re.fullmatch(r"&lt;a&gt; &amp; https://t\.co/\w{10}, https://t\.co/\w{10}", shown)
    assert control.texts() == [text]


def test_post_has_a_page_for_people(control: Control, ann: Session) -> None:
    post_id = ann.posted("Hello <b>")["id"]

    named = ann.x.call("GET", f"/ann/status/{post_id}")
    unnamed = ann.x.call("GET", f"/i/web/status/{post_id}")

    assert (named.status_code, "Hello &lt;b&gt;" in named.text) == (200, True)
    assert unnamed.text == named.text
    assert ann.x.call("GET", "/ann/status/1").status_code == 404
    assert "Hello &lt;b&gt;" in control.http.get(f"{control.origin}/").text


@pytest.mark.parametrize(
    ("body", "message", "parameters"),
    [
        ({"text": "a", "status": "b"}, f"$.status: {UNDEFINED}", {"$.status": ["b"]}),
        ({"text": "a", "media": None}, "$.media: null found, object expected", {"$.media": ["null"]}),
        ({"text": 7}, "$.text: integer found, string expected", {"$.text": ["7"]}),
        (
            {"text": "a", "reply": {}},
            "$.reply.in_reply_to_tweet_id: is missing but it is required",
            {"$.reply": ["{}"]},
        ),
        (
            {"text": "a", "reply": {"in_reply_to_tweet_id": "1", "id": "2"}},
            f"$.reply.id: {UNDEFINED}",
            {"$.reply.id": ["2"]},
        ),
        (
            {"text": "a", "reply": {"in_reply_to_tweet_id": "x"}},
            "$.reply.in_reply_to_tweet_id: does not match the regex pattern ^[0-9]{1,19}$",
            {"$.reply.in_reply_to_tweet_id": ["x"]},
        ),
        (
            {"text": "a", "reply_settings": "everyone"},
            "$.reply_settings: does not have a value in the enumeration "
            "[following, mentionedUsers, subscribers, verified]",
            {"$.reply_settings": ["everyone"]},
        ),
        (
            {"text": "a", "media": {"media_ids": []}},
            "$.media.media_ids: there must be a minimum of 1 items in the array",
            {"$.media.media_ids": ["[]"]},
        ),
        (
            {"text": "a", "media": {"media_ids": ["1", "2", "3", "4", "5"]}},
            "$.media.media_ids: there must be a maximum of 4 items in the array",
            {"$.media.media_ids": ['["1","2","3","4","5"]']},
        ),
        (
            {"text": "a", "poll": {"options": ["a", "b"], "duration_minutes": 4}},
            "$.poll.duration_minutes: must have a minimum value of 5",
            {"$.poll.duration_minutes": ["4"]},
        ),
        (
            {"text": "a", "poll": {"options": ["a", "b" * 26], "duration_minutes": 5}},
            "$.poll.options[1]: may only be 25 characters long",
            {"$.poll.options[1]": ["b" * 26]},
        ),
        (
            {"text": "a", "poll": {"options": ["a", "b"], "duration_minutes": 5}, "media": {"media_ids": ["1"]}},
            "$.poll: is not allowed together with media",
            {"$.poll": [""]},
        ),
        ({"text": "a", "media": {"media_ids": ["1"]}}, "Your media IDs are invalid.", {"media.media_ids": ["1"]}),
        ({"text": "a", "geo": {"place_id": "p"}}, "$.geo: is not simulated", {"$.geo": [""]}),
        ({}, "$.text: must not be empty without media", {"$.text": [""]}),
        ({"text": " \n"}, "$.text: must not be empty without media", {"$.text": [" \n"]}),
        ({"text": "a\ufffe"}, "$.text: has characters that are not allowed", {"$.text": ["a\ufffe"]}),
    ],
)
def test_body_that_does_not_fit_is_refused_by_name(
    control: Control, ann: Session, body: dict[str, Any], message: str, parameters: dict[str, list[str]]
) -> None:
    answer = ann.call("POST", "/2/tweets", json=body)

    assert (answer.status_code, problem(answer)) == (400, invalid(message, parameters))
    assert control.posts() == []


def test_every_problem_of_a_body_is_named(ann: Session) -> None:
    answer = ann.call("POST", "/2/tweets", json={"text": None, "status": "Hello", "nullcast": 1})

    assert [list(one["parameters"]) for one in problem(answer)["errors"]] == [["$.text"], ["$.status"], ["$.nullcast"]]


def test_body_must_be_json(ann: Session) -> None:
    form = ann.call("POST", "/2/tweets", data={"text": "Hello"})
    broken = ann.call("POST", "/2/tweets", data=b"{", headers={"Content-Type": "application/json"})

    needs_json = "Requests with bodies must have content-type of application/json."
    assert (form.status_code, problem(form)) == (400, invalid(needs_json, {}))
    assert (broken.status_code, problem(broken)["type"]) == (400, INVALID)


@pytest.mark.parametrize("text", ["a" * 280, "日" * 140, "👨‍👩‍👧‍👦" * 140, "https://example.com/" + "a" * 300])
def test_text_of_280_is_taken_and_one_more_refused(ann: Session, text: str) -> None:
    rest = "a" * (280 - 23) if "://" in text else ""

    longer = ann.post(f"{text} {rest}" if rest else text + "a")

    assert (longer.status_code, problem(longer)["type"]) == (400, INVALID)
    assert problem(longer)["errors"][0]["message"] == "$.text: is 281 characters long, 280 are allowed"
    assert ann.post(f"{text} {rest[1:]}" if rest else text).status_code == 201


def test_subscribed_people_write_25000_characters_and_the_note_has_them_all(control: Control, ann: Session) -> None:
    control.put("instance", platform="twitter", subscribed=["@Ann"])
    text = "word & " * 3571 + "end"

    post = ann.posted(text)

    fields = {"post.fields": "note_post,entities"}
    read = ann.call("GET", f"/2/tweets/{post['id']}", params=fields).json()["data"]
    assert read["note_post"] == {"text": text.replace("&", "&amp;")}
    assert read["text"] == post["text"] == ("word & " * 40)[:278].replace("&", "&amp;") + "…"
    assert ann.post("a" * 25_001).status_code == 400
    assert ann.x.sign_in("bob").post(text).status_code == 400


def test_one_cashtag_is_allowed_on_self_serve_plans(control: Control, ann: Session) -> None:
    answer = ann.post("$AAA and $BBB")

    assert (answer.status_code, problem(answer)) == (403, forbidden("You may only include one cashtag in a post."))
    assert ann.post("$AAA and $100").status_code == 201
    control.put("instance", platform="twitter", self_serve=False)
    assert ann.post("$AAA and $BBB").status_code == 201


def test_quotes_are_not_permitted(ann: Session) -> None:
    answer = ann.post("Look", quote_tweet_id=ann.posted()["id"])

    assert (answer.status_code, problem(answer)) == (403, forbidden("You are not permitted to perform this action."))


def test_enterprise_quotes_what_is_there(control: Control, ann: Session) -> None:
    control.put("instance", platform="twitter", self_serve=False)
    quoted = ann.posted("One")["id"]

    post = ann.posted("Look", quote_tweet_id=quoted)

    params = {"post.fields": "entities", "expansions": "referenced_posts"}
    read = ann.call("GET", f"/2/tweets/{post['id']}", params=params).json()
    assert read["data"]["referenced_posts"] == [{"type": "quoted", "id": quoted}]
    assert read["data"]["entities"]["urls"][0]["expanded_url"] == f"{control.origin}/twitter/ann/status/{quoted}"
    assert [one["text"] for one in read["includes"]["posts"]] == ["One"]
    poll = {"options": ["A", "B"], "duration_minutes": 5}
    assert ann.post("Which?", quote_tweet_id=quoted, poll=poll).status_code == 400
    ann.delete(quoted)
    assert ann.post("Again", quote_tweet_id=quoted).status_code == 403


def test_poll_is_taken(ann: Session) -> None:
    post = ann.posted("Which?", poll={"options": ["A", "B"], "duration_minutes": 5})

    read = ann.call("GET", f"/2/tweets/{post['id']}", params={"post.fields": "attachments"}).json()["data"]
    assert len(read["attachments"]["poll_ids"]) == 1


def test_thread_of_own_replies(control: Control, ann: Session) -> None:
    root = ann.posted("One")
    second = ann.replied(root["id"], "Two")
    third = ann.replied(second["id"], "Three")

    assert [row["reply_to"] for row in control.posts()] == [None, root["id"], second["id"]]
    fields = {"tweet.fields": "conversation_id,in_reply_to_user_id,referenced_tweets"}
    read = ann.call("GET", f"/2/tweets/{third['id']}", params=fields).json()["data"]
    assert read == {
        "id": third["id"],
        "text": "Three",
        "edit_history_post_ids": [third["id"]],
        "conversation_id": root["id"],
        "in_reply_to_user_id": ann.me()["id"],
        "referenced_posts": [{"type": "replied_to", "id": second["id"]}],
    }


def test_own_replies_can_be_refused_as_well(control: Control, ann: Session) -> None:
    root = ann.posted("One")
    control.put("instance", platform="twitter", self_replies=False)

    assert ann.reply(root["id"]).status_code == 403
    assert control.texts() == ["One"]


def test_reply_to_what_is_gone_is_forbidden(ann: Session) -> None:
    root = ann.posted("One")["id"]
    ann.delete(root)

    answer = ann.reply(root)

    gone = "You attempted to reply to a Tweet that is deleted or not visible to you."
    assert (answer.status_code, problem(answer)) == (403, forbidden(gone))


@pytest.mark.parametrize(
    ("text", "self_serve", "status"),
    [
        ("Hello", True, 403),
        ("Hello @annette", True, 403),
        ("Hello x@ann", True, 403),
        ("Hello @Ann!", True, 201),
        ("Hello", False, 201),
    ],
)
def test_reply_to_others_needs_their_mention(
    control: Control, x: X, ann: Session, text: str, self_serve: bool, status: int
) -> None:
    control.put("instance", platform="twitter", self_serve=self_serve)
    other = x.sign_in("bob").posted(text)

    answer = ann.reply(other["id"])

    assert answer.status_code == status
    if status == 403:
        assert "not been mentioned" in problem(answer)["detail"]


def test_same_text_again_is_forbidden_until_the_window_is_over(control: Control, x: X, ann: Session) -> None:
    ann.posted("Hello  there é")

    again = ann.post("Hello there\ne\u0301 ")

    assert (again.status_code, problem(again)) == (403, forbidden(DUPLICATE))
    assert x.sign_in("bob").post("Hello there é").status_code == 201
    assert len(control.posts(account="ann")) == 1
    control.put("instance", platform="twitter", duplicate_window_s=0)
    assert ann.post("Hello there é").status_code == 201


def test_same_text_again_is_taken_without_the_guard_and_after_deletion(control: Control, ann: Session) -> None:
    first = ann.posted()
    ann.delete(first["id"])
    assert ann.post().status_code == 201

    control.put("limits", duplicates=False)

    assert ann.post().status_code == 201
    assert control.texts() == ["Hello", "Hello"]


def test_refused_text_is_no_duplicate_later(control: Control, ann: Session) -> None:
    control.fault("reject_content", platform="twitter")
    assert ann.post().status_code == 400

    assert ann.post().status_code == 201


def test_delete_takes_own_posts_away_once(control: Control, ann: Session) -> None:
    post_id = ann.posted()["id"]

    answer, again = ann.delete(post_id), ann.delete(post_id)

    assert (answer.status_code, answer.json()) == (200, {"data": {"deleted": True}})
    check_answer(answer, "delete", "/2/tweets/{id}")
    assert again.status_code == 404
    assert problem(again) == {
        "resource_type": "tweet",
        "title": "Not Found Error",
        "detail": f"Could not find tweet with id: [{post_id}].",
        "type": "https://api.x.com/2/problems/resource-not-found",
        "status": 404,
    }
    assert control.posts() == []


def test_delete_leaves_posts_of_others(control: Control, x: X, ann: Session) -> None:
    post_id = x.sign_in("bob").posted()["id"]

    answer = ann.delete(post_id)

    expected = forbidden("You are not authorized to delete this Tweet.")
    assert (answer.status_code, problem(answer)) == (403, expected)
    assert len(control.posts()) == 1
