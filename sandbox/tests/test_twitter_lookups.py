from __future__ import annotations

from typing import Any

import pytest

from sandbox.tests.clients import Control
from sandbox.tests.twitter import Session, X, check_answer, invalid, problem

ALL_FIELDS = {
    "post.fields": "attachments,conversation_id,created_at,display_text_range,edit_controls,entities,lang,"
    "non_public_metrics,note_post,organic_metrics,paid_partnership,possibly_sensitive,public_metrics,reply_settings,"
    "source,text",
    "expansions": "author_id,edit_history_post_ids,in_reply_to_user_id,referenced_posts,username",
    "user.fields": "created_at,description,location,profile_image_url,protected,public_metrics,subscription_type,"
    "url,verified,verified_type",
}
OLD_FIELDS = "created_at,text,entities,referenced_tweets,in_reply_to_user_id,note_tweet,public_metrics"


def missing(post_id: str, parameter: str = "id") -> dict[str, Any]:
    return {
        "value": post_id,
        "detail": f"Could not find tweet with {parameter}: [{post_id}].",
        "title": "Not Found Error",
        "resource_type": "tweet",
        "parameter": parameter,
        "resource_id": post_id,
        "type": "https://api.x.com/2/problems/resource-not-found",
    }


def ids_of(page: Any) -> list[str]:
    return [post["id"] for post in page.get("data", [])]


def test_me_is_id_name_and_username(x: X, ann: Session) -> None:
    answer = ann.call("GET", "/2/users/me")

    user = answer.json()["data"]
    assert answer.json() == {"data": {"id": user["id"], "name": "ann", "username": "ann"}}
    assert x.sign_in("Ann").me()["id"] == user["id"]


def test_me_with_fields_fits_the_schema(control: Control, ann: Session) -> None:
    control.put("instance", platform="twitter", subscribed=["ann"])

    answer = ann.call("GET", "/2/users/me", params={"user.fields": ALL_FIELDS["user.fields"]})

    user = answer.json()["data"]
    assert (user["subscription_type"], user["verified"], user["verified_type"]) == ("Premium", True, "blue")
    assert ann.x.http.get(user["profile_image_url"]).headers["Content-Type"] == "image/png"
    check_answer(answer, "get", "/2/users/me")


def test_post_alone_is_id_text_and_history(ann: Session) -> None:
    post = ann.posted("Hello")

    answer = ann.call("GET", f"/2/tweets/{post['id']}")

    assert (answer.status_code, answer.json()) == (200, {"data": post})


def test_post_with_fields_names_links_author_and_counters(control: Control, ann: Session) -> None:
    text = "See example.com & https://example.org/a"
    post = ann.posted(text)
    control.put("metrics", platform="twitter", id=post["id"], impressions=9, likes=1, shares=2, comments=3, quotes=4)

    answer = ann.call("GET", f"/2/tweets/{post['id']}", params=ALL_FIELDS)

    data = answer.json()["data"]
    first, second = data["entities"]["urls"]
    assert data["text"] == f"See {first['url']} &amp; {second['url']}"
    for url, expanded in ((first, "http://example.com"), (second, "https://example.org/a")):
        assert data["text"][url["start"] : url["end"]] == url["url"]
        assert url["expanded_url"] == expanded
    assert data["author_id"] == ann.me()["id"] == answer.json()["includes"]["users"][0]["id"]
    assert data["created_at"].endswith(".000Z")
    assert data["public_metrics"] == {
        "repost_count": 2,
        "reply_count": 3,
        "like_count": 1,
        "quote_count": 4,
        "bookmark_count": 0,
        "impression_count": 9,
    }
    check_answer(answer, "get", "/2/tweets/{id}")


def test_private_counters_are_for_the_author(control: Control, x: X, ann: Session) -> None:
    post_id = ann.posted()["id"]
    control.put("metrics", platform="twitter", id=post_id, clicks=5, profile_clicks=6, engagements=7, views=8)
    query = {"ids": post_id, "tweet.fields": "non_public_metrics"}

    own = ann.call("GET", "/2/tweets", params=query).json()
    others = x.sign_in("bob").call("GET", "/2/tweets", params=query)

    counters = {"url_link_clicks": 5, "user_profile_clicks": 6, "engagements": 7, "impression_count": 8}
    assert own["data"][0]["non_public_metrics"] == counters
    assert (others.status_code, others.json()["data"][0].keys()) == (200, {"id", "text", "edit_history_post_ids"})
    assert others.json()["errors"][0]["type"] == "https://api.x.com/2/problems/not-authorized-for-field"
    check_answer(others, "get", "/2/tweets")


def test_many_answers_what_is_there_and_names_what_is_not(ann: Session) -> None:
    first, second = ann.posted("One"), ann.posted("Two")

    answer = ann.call("GET", "/2/tweets", params={"ids": f"{second['id']},7,{first['id']}"})

    assert (answer.status_code, answer.json()) == (200, {"data": [second, first], "errors": [missing("7", "ids")]})
    check_answer(answer, "get", "/2/tweets")


def test_post_that_is_gone_is_a_good_answer_with_errors(ann: Session) -> None:
    post_id = ann.posted()["id"]
    ann.delete(post_id)

    one = ann.call("GET", f"/2/tweets/{post_id}")
    many = ann.call("GET", "/2/tweets", params={"ids": post_id})

    assert (one.status_code, one.json()) == (200, {"errors": [missing(post_id)]})
    assert (many.status_code, many.json()) == (200, {"errors": [missing(post_id, "ids")]})
    check_answer(one, "get", "/2/tweets/{id}")


def test_timeline_is_newest_first_and_goes_back_by_token(ann: Session) -> None:
    ids = [ann.posted(f"Post {place}")["id"] for place in range(7)]

    first = ann.timeline(max_results=5)
    second = ann.timeline(max_results=5, pagination_token=first["meta"]["next_token"])

    assert ids_of(first) == ids[:1:-1]
    assert first["meta"] == {
        "result_count": 5,
        "newest_id": ids[6],
        "oldest_id": ids[2],
        "next_token": first["meta"]["next_token"],
    }
    assert ids_of(second) == [ids[1], ids[0]]
    assert second["meta"] == {"result_count": 2, "newest_id": ids[1], "oldest_id": ids[0]}


def test_timeline_of_nobody_and_of_nothing(ann: Session) -> None:
    nobody = ann.call("GET", "/2/users/7/tweets")

    assert (nobody.status_code, nobody.json()["errors"][0]["resource_type"]) == (200, "user")
    assert ann.timeline() == {"meta": {"result_count": 0}}


def test_timeline_is_cut_by_ids_times_and_replies(ann: Session) -> None:
    ids = [ann.posted("One")["id"], ann.posted("Two")["id"]]
    ids.append(ann.replied(ids[1], "Three")["id"])

    assert ids_of(ann.timeline(since_id=ids[0])) == [ids[2], ids[1]]
    assert ids_of(ann.timeline(until_id=ids[2])) == [ids[1], ids[0]]
    assert ids_of(ann.timeline(since_id=ids[0], until_id=ids[2])) == [ids[1]]
    assert ids_of(ann.timeline(exclude="replies,retweets")) == [ids[1], ids[0]]
    assert ids_of(ann.timeline(end_time="2026-01-01T00:00:00Z")) == []
    assert ids_of(ann.timeline(start_time="2026-01-01T00:00:00Z", end_time="2999-01-01T00:00:00.000Z")) == ids[::-1]


def test_timeline_with_everything_fits_the_schema(ann: Session) -> None:
    ann.replied(ann.posted("See https://example.com")["id"], "Reply")
    query = {**ALL_FIELDS, "max_results": "5"}

    answer = ann.call("GET", f"/2/users/{ann.me()['id']}/tweets", params=query)

    reply, root = answer.json()["data"]
    assert reply["referenced_posts"] == [{"type": "replied_to", "id": root["id"]}]
    assert {post["id"] for post in answer.json()["includes"]["posts"]} == {reply["id"], root["id"]}
    check_answer(answer, "get", "/2/users/{id}/tweets")


@pytest.mark.parametrize(
    ("names", "keys", "counter"),
    [
        ("new", {"edit_history_post_ids", "referenced_posts"}, {"repost_count"}),
        ("old", {"edit_history_tweet_ids", "referenced_tweets"}, {"retweet_count"}),
        (
            "both",
            {"edit_history_post_ids", "referenced_posts", "edit_history_tweet_ids", "referenced_tweets"},
            {"repost_count", "retweet_count"},
        ),
    ],
)
def test_names_are_those_that_are_set(
    control: Control, ann: Session, names: str, keys: set[str], counter: set[str]
) -> None:
    control.put("instance", platform="twitter", names=names)
    root = ann.posted("One")
    reply = ann.replied(root["id"], "Two")

    page = ann.timeline(**{"tweet.fields": OLD_FIELDS, "expansions": "referenced_tweets.id"})

    read = page["data"][0]
    known = {"id", "text", "created_at", "in_reply_to_user_id", "public_metrics"}
    others = {"reply_count", "like_count", "quote_count", "bookmark_count", "impression_count"}
    assert set(reply) == {"id", "text"} | {key for key in keys if key.startswith("edit")}
    assert set(read) == known | keys
    assert set(read["public_metrics"]) == others | counter
    assert set(page["includes"]) == {"new": {"posts"}, "old": {"tweets"}, "both": {"posts", "tweets"}}[names]


def test_problem_types_are_at_the_old_host_with_the_old_names(control: Control, ann: Session) -> None:
    control.put("instance", platform="twitter", names="old")

    assert problem(ann.post(""))["type"] == "https://api.twitter.com/2/problems/invalid-request"
    gone = ann.call("GET", "/2/tweets/7").json()["errors"][0]
    assert gone["type"] == "https://api.twitter.com/2/problems/resource-not-found"


@pytest.mark.parametrize(("field_names", "refused"), [("new", "tweet.fields"), ("old", "post.fields")])
def test_a_server_may_know_one_spelling_of_fields_only(
    control: Control, ann: Session, field_names: str, refused: str
) -> None:
    taken = {"tweet.fields", "post.fields"} - {refused}
    control.put("instance", platform="twitter", field_names=field_names)

    answer = ann.call("GET", "/2/tweets/7", params={refused: "created_at"})

    assert (answer.status_code, problem(answer)["errors"][0]["parameters"]) == (400, {refused: ["created_at"]})
    assert ann.call("GET", "/2/tweets/7", params={taken.pop(): "created_at"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "name", "value", "message"),
    [
        ("/2/users/7/tweets", "max_results", "4", "is not between 5 and 100"),
        ("/2/users/7/tweets", "max_results", "101", "is not between 5 and 100"),
        ("/2/users/7/tweets", "max_results", "x", "is not between 5 and 100"),
        ("/2/users/7/tweets", "since_id", "x", "is not valid"),
        ("/2/users/7/tweets", "exclude", "quotes", "is not one of [replies,retweets]"),
        ("/2/users/7/tweets", "start_time", "2026-11-23", "is not a date and time as in RFC 3339"),
        ("/2/users/7/tweets", "end_time", "yesterday", "is not a date and time as in RFC 3339"),
        ("/2/tweets", "ids", "x", "is not valid"),
    ],
)
def test_bad_value_is_refused_by_name(ann: Session, path: str, name: str, value: str, message: str) -> None:
    answer = ann.call("GET", path, params={name: value})

    sentence = f"The `{name}` query parameter value [{value}] {message}"
    assert (answer.status_code, problem(answer)) == (400, invalid(sentence, {name: [value]}))


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/2/tweets", {}),
        ("/2/tweets", {"ids": ",".join(str(post_id) for post_id in range(1, 102))}),
        ("/2/tweets/x", {}),
        ("/2/tweets/7", {"fields": "text"}),
        ("/2/tweets/7", {"tweet.fields": "note_post"}),
        ("/2/tweets/7", {"post.fields": "referenced_posts"}),
        ("/2/tweets/7", {"post.fields": "in_reply_to_user_id"}),
        ("/2/tweets/7", {"expansions": "everything"}),
        ("/2/users/me", {"user.fields": "age"}),
        ("/2/users/me", {"max_results": "5"}),
    ],
)
def test_query_that_the_description_does_not_allow_is_refused(ann: Session, path: str, query: dict[str, str]) -> None:
    answer = ann.call("GET", path, params=query)

    assert (answer.status_code, problem(answer)["title"]) == (400, "Invalid Request")


def test_bad_pagination_token_is_refused(ann: Session) -> None:
    answer = ann.call("GET", f"/2/users/{ann.me()['id']}/tweets", params={"pagination_token": "zzz"})

    assert (answer.status_code, list(problem(answer)["errors"][0]["parameters"])) == (400, ["pagination_token"])


def test_lookups_lag_and_replies_do_not(control: Control, ann: Session) -> None:
    control.put("limits", lookup_lag_ms=60_000)
    post_id = ann.posted("One")["id"]
    ann.replied(post_id, "Two")

    assert ids_of(ann.timeline()) == []
    assert ann.call("GET", f"/2/tweets/{post_id}").json() == {"errors": [missing(post_id)]}
    assert ann.call("GET", "/2/tweets", params={"ids": post_id}).json() == {"errors": [missing(post_id, "ids")]}
    assert control.texts() == ["One", "Two"]
    control.put("limits", lookup_lag_ms=0)
    assert len(ids_of(ann.timeline())) == 2


def test_operations_are_those_of_the_table(control: Control, ann: Session) -> None:
    post_id = ann.posted()["id"]
    ann.call("GET", f"/2/tweets/{post_id}")
    ann.call("GET", "/2/tweets", params={"ids": post_id})
    ann.timeline()
    ann.delete(post_id)
    media_id = ann.uploaded()
    ann.upload_status(media_id)
    ann.describe(media_id, "A dot")
    ann.call("GET", "/2/nonsense")

    rows = [(row["method"], row["path"].partition("/2/")[2], row["operation"]) for row in control.requests()]
    me = rows[6][1].split("/")[1]
    assert rows == [
        ("GET", "", "other"),
        ("POST", "oauth2/token", "token"),
        ("POST", "tweets", "publish"),
        ("GET", f"tweets/{post_id}", "lookup"),
        ("GET", "tweets", "metrics"),
        ("GET", "users/me", "other"),
        ("GET", f"users/{me}/tweets", "lookup"),
        ("DELETE", f"tweets/{post_id}", "delete"),
        ("POST", "media/upload", "upload"),
        ("GET", "media/upload", "upload"),
        ("POST", "media/metadata", "upload"),
        ("GET", "nonsense", "other"),
    ]
    assert control.requests()[-1]["status"] == 404
