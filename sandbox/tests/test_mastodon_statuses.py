from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.tests.clients import Client, Control, Server


def test_publish_answers_the_status(alice: Client) -> None:
    answer = alice.publish("Tom & <b>Jerry</b>\nline two\n\nnew paragraph", language="fr", sensitive=True)

    status = answer.json()
    at = datetime.fromisoformat(status["created_at"])
    assert answer.status_code == 200
    assert abs(datetime.now(UTC) - at) < timedelta(seconds=5)
    assert int(status["id"]) >> 16 == round(at.timestamp() * 1000)
    assert status["content"] == ("<p>Tom &amp; &lt;b&gt;Jerry&lt;/b&gt;<br />line two</p><p>new paragraph</p>")
    assert status["url"] == f"{alice.server.url}/@alice/{status['id']}"
    assert status["application"] == {"name": "Testing", "website": None}
    assert status["account"]["acct"] == "alice"
    assert (status["language"], status["sensitive"], status["visibility"]) == ("fr", True, "public")
    assert (status["in_reply_to_id"], status["media_attachments"], status["edited_at"]) == (None, [], None)


def test_publish_takes_a_form_as_well(control: Control, alice: Client) -> None:
    form = {"status": "Über & out", "visibility": "private", "sensitive": "false", "media_ids[]": []}

    status = alice.call("POST", "/api/v1/statuses", data=form).json()

    assert (status["visibility"], status["sensitive"]) == ("private", False)
    assert control.texts() == ["Über & out"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"status": ""}, "Validation failed: Text can't be blank"),
        ({"status": " \n"}, "Validation failed: Text can't be blank"),
        ({}, "Validation failed: Text can't be blank"),
        ({"status": "x" * 501}, "Validation failed: Text character limit of 500 exceeded"),
        (
            {"status": "x" * 490, "spoiler_text": "y" * 11},
            "Validation failed: Text character limit of 500 exceeded",
        ),
        ({"status": "x", "visibility": "friends"}, "Validation failed: Visibility is not included in the list"),
        (
            {"status": "x", "media_ids": ["5"]},
            "Validation failed: Media 5 not found or already attached to another post",
        ),
        ({"status": "x", "media_ids": list("12345")}, "Validation failed: Cannot attach more than 4 files"),
        ({"status": "x", "poll": {"options": ["a", "b"]}}, "Validation failed: Deadline is too far into the future"),
        *(
            ({"status": "x", "poll": {"options": options, "expires_in": seconds}}, f"Validation failed: {said}")
            for options, seconds, said in [
                (["a"], 300, "Choices must have more than one item"),
                (list("abcde"), 300, "Choices can't contain more than 4 items"),
                (["a", "b" * 51], 300, "Choices cannot be longer than 50 characters each"),
                (["a", "a"], 300, "Choices contain duplicate items"),
                (["a", "b"], 299, "Deadline is too soon"),
                (["a", "b"], 2_629_747, "Deadline is too far into the future"),
            ]
        ),
        (
            {"status": "x", "media_ids": ["5"], "poll": {"options": ["a", "b"], "expires_in": 300}},
            "Validation failed: Cannot attach more than 4 files",
        ),
    ],
)
def test_publish_refuses(control: Control, alice: Client, fields: dict[str, Any], error: str) -> None:
    answer = alice.call("POST", "/api/v1/statuses", json=fields)

    assert (answer.status_code, answer.json()) == (422, {"error": error})
    assert control.posts() == []


@pytest.mark.parametrize(
    ("version", "policy", "status", "shown"),
    [("4.5.2", "public", 200, True), ("4.5.2", "nobody", 404, False), ("4.4.0", "nobody", 200, False)],
)
def test_quotes_are_known_from_45_on_and_go_by_policy(
    control: Control, server: Server, alice: Client, version: str, policy: str, status: int, shown: bool
) -> None:
    control.put("instance", platform="mastodon", version=version)
    quoted = alice.publish("One", quote_approval_policy=policy).json()["id"]

    answer = server.sign_in("bob").publish("Look", quoted_status_id=quoted)

    assert (answer.status_code, bool(answer.json().get("quote"))) == (status, shown)
    assert alice.publish("Own", quoted_status_id=quoted).status_code == 200


def test_publish_of_exactly_the_limit_is_taken(control: Control, alice: Client) -> None:
    link = "https://example.com/" + "p" * 300
    text = "é" * 400 + f" {link} " + "👨‍👩‍👧‍👦" * 75

    assert alice.publish(text).status_code == 200
    assert alice.publish(text + "👍🏽").status_code == 422


def test_publish_of_a_body_that_cannot_be_read_is_400(control: Control, alice: Client) -> None:
    answer = alice.call("POST", "/api/v1/statuses", data=b'{"status":', headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Error occurred while parsing request parameters")
    assert control.posts() == []


def test_publish_obeys_the_limits_of_its_instance(control: Control, alice: Client) -> None:
    control.put("instance", platform="mastodon", max_characters=30, characters_reserved_per_url=10)

    assert alice.publish("x" * 20 + "https://example.com/long/path").status_code == 422
    assert alice.publish("x" * 19 + " https://example.com/long/path").status_code == 200
    configuration = alice.call("GET", "/api/v2/instance").json()["configuration"]
    assert configuration["statuses"] == {
        "max_characters": 30,
        "max_media_attachments": 4,
        "characters_reserved_per_url": 10,
    }
    assert alice.call("GET", "/api/v1/instance").json()["configuration"]["statuses"] == configuration["statuses"]


def test_same_key_gives_the_first_status_again(control: Control, server: Server, alice: Client) -> None:
    first = alice.published("First", key="k1")

    assert alice.published("Changed", key="k1")["id"] == first["id"]
    assert alice.published("Other key", key="k2")["id"] != first["id"]
    assert server.sign_in("bob").published("Other person", key="k1")["id"] != first["id"]
    assert control.texts() == ["First", "Other key", "Other person"]


def test_same_key_finds_what_a_lost_answer_had_made(control: Control, alice: Client) -> None:
    control.fault("accept_then_500")
    assert alice.publish("Once", key="k").status_code == 500

    again = alice.published("Once", key="k")

    assert [post["id"] for post in control.posts()] == [again["id"]]


def test_same_key_after_a_refusal_is_a_new_try(control: Control, alice: Client) -> None:
    assert alice.publish("x" * 501, key="k").status_code == 422

    assert alice.publish("Short", key="k").status_code == 200
    assert control.texts() == ["Short"]


def test_same_key_of_a_deleted_status_is_404(control: Control, alice: Client) -> None:
    status = alice.published("Gone", key="k")
    alice.call("DELETE", f"/api/v1/statuses/{status['id']}")

    answer = alice.publish("Gone", key="k")

    assert (answer.status_code, answer.json()) == (404, {"error": "Record not found"})
    assert control.posts() == []


def test_idempotency_off_lets_a_blind_re_send_show(control: Control, alice: Client) -> None:
    control.put("limits", idempotency=False)

    ids = {alice.published("Twice", key="k")["id"] for _ in range(2)}

    assert len(ids) == 2
    assert control.texts() == ["Twice", "Twice"]


def test_repeated_text_is_no_duplicate_here(control: Control, alice: Client) -> None:
    assert control.put("limits")["duplicates"] is True

    assert [alice.publish("Same").status_code for _ in range(2)] == [200, 200]


def test_reply_hangs_on_its_parent(alice: Client) -> None:
    root = alice.published("Root")

    reply = alice.published("Reply", in_reply_to_id=root["id"])

    assert (reply["in_reply_to_id"], reply["in_reply_to_account_id"]) == (root["id"], root["account"]["id"])
    assert alice.call("GET", f"/api/v1/statuses/{root['id']}").json()["replies_count"] == 1
    alice.call("DELETE", f"/api/v1/statuses/{reply['id']}")
    assert alice.call("GET", f"/api/v1/statuses/{root['id']}").json()["replies_count"] == 0


def test_reply_to_nothing_is_404_and_not_a_root(control: Control, alice: Client) -> None:
    answer = alice.publish("Reply", in_reply_to_id="12345")

    assert answer.status_code == 404
    assert answer.json() == {"error": "The post you are trying to reply to does not appear to exist."}
    assert control.posts() == []


def test_delete_gives_the_text_back_and_then_404(control: Control, alice: Client) -> None:
    status = alice.published("Last words")
    path = f"/api/v1/statuses/{status['id']}"

    first, second = alice.call("DELETE", path), alice.call("DELETE", path)

    assert (first.status_code, first.json()["text"]) == (200, "Last words")
    assert (second.status_code, second.json()) == (404, {"error": "Record not found"})
    assert alice.call("GET", path).status_code == 404
    assert control.posts() == []


def test_delete_of_somebody_elses_status_is_404(control: Control, server: Server, alice: Client) -> None:
    status = alice.published("Mine")

    answer = server.sign_in("bob").call("DELETE", f"/api/v1/statuses/{status['id']}")

    assert answer.status_code == 404
    assert control.texts() == ["Mine"]


def test_source_is_the_raw_text(alice: Client) -> None:
    status = alice.published("a < b\n\n\nc ", spoiler_text="Maths")

    source = alice.call("GET", f"/api/v1/statuses/{status['id']}/source").json()

    assert source == {"id": status["id"], "text": "a < b\n\n\nc ", "spoiler_text": "Maths"}


def test_many_by_id_leaves_out_what_is_gone(alice: Client) -> None:
    first, second = alice.published("One"), alice.published("Two")

    answer = alice.call("GET", "/api/v1/statuses", params={"id[]": [second["id"], "7", first["id"]]})

    assert [status["id"] for status in answer.json()] == [second["id"], first["id"]]


@pytest.mark.parametrize(("visibility", "status"), [("unlisted", 200), ("private", 404), ("direct", 404)])
def test_visibility_decides_what_strangers_see(server: Server, alice: Client, visibility: str, status: int) -> None:
    post_id = alice.published("Hm", visibility=visibility)["id"]
    bob = server.sign_in("bob")

    assert server.call("GET", f"/api/v1/statuses/{post_id}").status_code == status
    assert bob.call("GET", f"/api/v1/statuses/{post_id}").status_code == status
    assert alice.call("GET", f"/api/v1/statuses/{post_id}").status_code == 200
    listed = bob.call("GET", f"/api/v1/accounts/{alice.id()}/statuses").json()
    assert [row["id"] for row in listed] == ([post_id] if status == 200 else [])


def test_own_list_is_newest_first(alice: Client) -> None:
    ids = [alice.published(f"Post {place}")["id"] for place in range(4)]

    assert alice.own_list() == ids[::-1]
    assert alice.own_list(limit=2) == ids[:1:-1]


def test_own_list_pages_by_id(alice: Client) -> None:
    ids = [alice.published(f"Post {place}")["id"] for place in range(6)]

    assert alice.own_list(max_id=ids[3]) == ids[2::-1]
    assert alice.own_list(since_id=ids[1], limit=2) == [ids[5], ids[4]]
    assert alice.own_list(min_id=ids[1], limit=2) == [ids[3], ids[2]]
    assert alice.own_list(min_id=ids[1], max_id=ids[4]) == [ids[3], ids[2]]
    assert alice.own_list(min_id=ids[5]) == []


def test_own_list_takes_an_id_made_of_a_time(alice: Client) -> None:
    alice.published("Before")
    time.sleep(0.02)
    mark = round(time.time() * 1000) << 16
    time.sleep(0.002)
    after = alice.published("After")["id"]

    assert alice.own_list(min_id=str(mark), exclude_reblogs="true", limit=40) == [after]


def test_own_list_gives_links_to_its_neighbours(alice: Client) -> None:
    ids = [alice.published(f"Post {place}")["id"] for place in range(3)]

    answer = alice.call("GET", f"/api/v1/accounts/{alice.id()}/statuses", params={"limit": 2})

    base = f"{alice.server.url}/api/v1/accounts/{alice.id()}/statuses"
    assert answer.headers["Link"] == (f'<{base}?max_id={ids[1]}>; rel="next", <{base}?min_id={ids[2]}>; rel="prev"')


def test_own_list_without_replies_keeps_threads(server: Server, alice: Client) -> None:
    bob_post = server.sign_in("bob").published("Bob")
    root = alice.published("Root")
    part = alice.published("Part 2", in_reply_to_id=root["id"])
    reply = alice.published("To Bob", in_reply_to_id=bob_post["id"])

    assert alice.own_list() == [reply["id"], part["id"], root["id"]]
    assert alice.own_list(exclude_replies="true") == [part["id"], root["id"]]
    assert alice.own_list(only_media="1") == []


def test_list_of_nobody_is_404(alice: Client) -> None:
    assert alice.call("GET", "/api/v1/accounts/5/statuses").json() == {"error": "Record not found"}


def test_lookup_lag_hides_young_posts_from_look_ups_only(control: Control, alice: Client) -> None:
    control.put("limits", lookup_lag_ms=300)
    post_id = alice.published("Young")["id"]
    paths = [f"/api/v1/statuses/{post_id}", f"/api/v1/statuses/{post_id}/source"]

    assert alice.own_list() == []
    assert [alice.call("GET", path).status_code for path in paths] == [404, 404]
    assert alice.call("GET", "/api/v1/statuses", params={"id[]": post_id}).json() == []
    assert control.texts() == ["Young"]
    time.sleep(0.31)
    assert alice.own_list() == [post_id]
    assert [alice.call("GET", path).status_code for path in paths] == [200, 200]


def test_quota_headers_tell_what_is_left(alice: Client) -> None:
    answer = alice.publish()

    assert answer.headers["X-RateLimit-Limit"] == "300"
    assert int(answer.headers["X-RateLimit-Remaining"]) == 299
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", reset := answer.headers["X-RateLimit-Reset"])
    assert timedelta(0) < datetime.fromisoformat(reset) - datetime.now(UTC) <= timedelta(minutes=5)


def test_quota_of_calls_is_300_a_person(control: Control, server: Server, alice: Client) -> None:
    left_in_window_s = 300 - time.time() % 300
    if left_in_window_s < 5:
        time.sleep(left_in_window_s)

    answers = [alice.call("GET", "/api/v1/statuses/1").status_code for _ in range(301)]

    assert answers == [404] * 300 + [429]
    over = alice.publish("Too many")
    assert (over.status_code, over.json()) == (429, {"error": "Too many requests"})
    assert over.headers["X-RateLimit-Remaining"] == "0"
    assert server.sign_in("bob").publish("Bob").status_code == 200
    control.put("limits", quotas=False)
    free = alice.publish("Free")
    assert (free.status_code, "X-RateLimit-Limit" in free.headers) == (200, False)
    assert control.texts() == ["Bob", "Free"]


def test_quota_of_uploads_is_30_a_person(alice: Client) -> None:
    left_in_window_s = 1800 - time.time() % 1800
    if left_in_window_s < 5:
        time.sleep(left_in_window_s)

    answers = [alice.upload() for _ in range(31)]

    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert (answers[0].headers["X-RateLimit-Limit"], answers[0].headers["X-RateLimit-Remaining"]) == ("30", "29")
    assert alice.publish().status_code == 200


def test_instance_names_its_limits(server: Server) -> None:
    configuration = server.call("GET", "/api/v2/instance").json()["configuration"]

    assert configuration["statuses"] == {
        "max_characters": 500,
        "max_media_attachments": 4,
        "characters_reserved_per_url": 23,
    }
    media = configuration["media_attachments"]
    assert (media["description_limit"], media["image_size_limit"]) == (1500, 16_777_216)
    assert (media["image_matrix_limit"], media["video_size_limit"]) == (33_177_600, 103_809_024)
    assert configuration["polls"]["max_options"] == 4
