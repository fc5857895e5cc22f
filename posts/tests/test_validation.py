"""POST /posts/validate: what would be sent where, as each platform counts, and nothing stored."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from accounts.tests.factories import make_member, make_workspace, signed_in
from integrations import registry
from integrations.models import SocialAccount
from integrations.tests.factories import make_account, make_host
from posts.models import Delivery, Lane, Post, PostTag

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("account")]


def validate(client: APIClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/api/v2/posts/validate", body)
    assert answer.status_code == 200, answer.content
    assert [model.objects.count() for model in (Post, Delivery, Lane, PostTag)] == [0, 0, 0, 0]
    verdict: dict[str, Any] = answer.json()
    return verdict


def test_what_is_fine_shows_what_would_be_sent(client: APIClient, account: SocialAccount) -> None:
    verdict = validate(
        client,
        thread=["See https://example.com/a/long/address/that/counts/as/23", "Grüße 👨‍👩‍👧"],
        first_comment="More",
        platforms=["mastodon"],
        post_options={"mastodon": {"visibility": "unlisted"}},
        overrides={str(account.id): {"first_comment": "Less"}},
        tags=["news"],
    )

    assert verdict == {
        "valid": True,
        "problems": [],
        "warnings": [],
        "platforms": {
            "mastodon": [
                {
                    "account_id": str(account.id),
                    "valid": True,
                    "problems": [],
                    "parts": [
                        {
                            "index": 0,
                            "kind": "post",
                            "text": "See https://example.com/a/long/address/that/counts/as/23",
                            "length": 27,
                            "limit": 500,
                            "media": [],
                        },
                        {"index": 1, "kind": "reply", "text": "Grüße 👨‍👩‍👧", "length": 7, "limit": 500, "media": []},
                        {"index": 2, "kind": "comment", "text": "Less", "length": 4, "limit": 500, "media": []},
                    ],
                    "options": {"visibility": "unlisted"},
                    "cost": None,
                }
            ]
        },
    }


def test_post_says_what_it_costs(client: APIClient) -> None:
    verdict = validate(client, thread=["See example.com", "Two"], platforms=["twitter"])

    assert [shown["cost"] for shown in verdict["platforms"]["twitter"]] == ["0.215"]


def test_a_fault_is_named_as_a_whole_and_for_its_account(client: APIClient, account: SocialAccount) -> None:
    verdict = validate(client, content="x" * 503, accounts=[str(account.id)])

    [shown] = verdict["platforms"]["mastodon"]
    [fault] = shown["problems"]
    assert (fault["field"], fault["code"], fault["params"]) == ("content", "too_long", {"limit": 500, "actual": 503})
    assert (shown["valid"], shown["parts"][0]["length"], verdict["valid"]) == (False, 503, False)
    of_account = {"platform": "mastodon", "account_id": str(account.id)}
    assert verdict["problems"] == [{**fault, "params": {**fault["params"], **of_account}}]


def test_each_account_is_measured_by_its_own_host(client: APIClient, account: SocialAccount) -> None:
    host = make_host(host="roomy.test", info={"limits": {"max_characters": 5000}})
    roomy = make_account(workspace=account.workspace, platform_host=host)

    verdict = validate(client, content="x" * 501, accounts=[str(account.id), str(roomy.id)])

    limits = {one["account_id"]: (one["parts"][0]["limit"], one["valid"]) for one in verdict["platforms"]["mastodon"]}
    assert limits == {str(account.id): (500, False), str(roomy.id): (5000, True)}


def test_a_platform_without_account_counts_by_its_stock_limits(client: APIClient) -> None:
    SocialAccount.objects.all().delete()

    verdict = validate(client, content="x" * 501, platforms=["mastodon"])

    [shown] = verdict["platforms"]["mastodon"]
    assert (shown["account_id"], shown["valid"]) == (None, False)
    assert [fault["code"] for fault in shown["problems"]] == ["no_account", "too_long"]
    assert shown["parts"] == [{"index": 0, "kind": "post", "text": "x" * 501, "length": 501, "limit": 500, "media": []}]
    codes = [(fault["code"], fault["params"]["platform"]) for fault in verdict["problems"]]
    assert codes == [("no_account", "mastodon"), ("too_long", "mastodon")]


def test_a_platform_that_is_not_built_shows_its_text_unmeasured(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.PLATFORMS, "youtube", registry.Entry("YouTube"))

    verdict = validate(client, content="Hello", platforms=["youtube"])

    [shown] = verdict["platforms"]["youtube"]
    assert shown["parts"] == [{"index": 0, "kind": "post", "text": "Hello", "length": None, "limit": None, "media": []}]
    assert [fault["code"] for fault in verdict["problems"]] == ["no_account"]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"platforms": ["mastodon"]}, "content", "required"),
        ({"content": "\u200b\u202a\u202c", "platforms": ["mastodon"]}, "content", "required"),
        ({"content": "\ufeff\u2800", "platforms": ["mastodon"]}, "content", "required"),
        ({"thread": ["Hello", "\u2060"], "platforms": ["mastodon"]}, "thread.1", "empty"),
        ({"content": "Hello", "first_comment": "\u200d", "platforms": ["mastodon"]}, "first_comment", "empty"),
        ({"content": "Hello", "platforms": ["mastodon"], "overrides": {"mastodon": {"content": "\u00ad"}}},
         "overrides.mastodon.content", "empty"),
        ({"content": "Hello"}, "platforms", "required"),
        ({"content": "Hello", "platforms": ["myspace"]}, "platforms", "unknown_platform"),
        ({"content": "Hello", "accounts": [str(uuid4())]}, "accounts.0", "unknown_account"),
        ({"content": "Hello", "scheduled_time": "2001-01-01T00:00:00Z"}, "scheduled_time", "in_past"),
        ({"content": "Hello", "scheduled_time": "2030-01-01T00:00:00Z", "publish": True}, "publish", "contradiction"),
        ({"content": "Hello", "post_options": {"mastodon": {"colour": "red"}}, "platforms": ["mastodon"]},
         "post_options.mastodon.colour", "unknown_option"),
        ({"content": "Hello", "overrides": {"nobody": {"content": "x"}}}, "overrides.nobody", "unknown_account"),
    ],
)  # fmt: skip
def test_what_creation_would_refuse_is_an_answer_here(
    client: APIClient, body: dict[str, Any], field: str, code: str
) -> None:
    verdict = validate(client, **body)

    assert (field, code) in {(fault["field"], fault["code"]) for fault in verdict["problems"]}
    assert verdict["valid"] is False


@pytest.mark.parametrize(
    "said",
    [
        '{"content": "a", "content": "b"}',
        '{"content": "a", "content": "a"}',
        '{"content": "a", "post_options": {"mastodon": {"visibility": "public", "visibility": "direct"}}}',
        '{"thread": ["a", {"content": "b", "content": "c"}]}',
        '{"content": "a", "c\\u006fntent": "b"}',
    ],
)
@pytest.mark.parametrize("path", ["/api/v2/posts", "/api/v2/posts/validate"])
def test_name_that_stands_twice_in_a_body_is_refused(client: APIClient, said: str, path: str) -> None:
    answer = client.post(path, said, content_type="application/json")

    assert (answer.status_code, Post.objects.count()) == (400, 0)
    body = answer.json()
    name = "visibility" if "visibility" in said else "content"
    assert body["code"] == "duplicate_name"
    assert body["detail"] == f"The body has the name {name!r} twice in one object; send it once."


@pytest.mark.parametrize(
    ("overrides", "unused"),
    [
        ({"twitter": {"content": "x"}}, ["overrides.twitter"]),
        ({"mastodon": {"content": "x"}}, []),
        ({"mastodon": {"content": "x"}, "bluesky": {"media": []}, "twitter": {}},
         ["overrides.bluesky", "overrides.twitter"]),
        ({"OTHER": {"first_comment": "x"}}, ["overrides.OTHER"]),
        ({"OWN": {"first_comment": "x"}}, []),
    ],
)  # fmt: skip
def test_override_that_nobody_uses_is_a_warning(
    client: APIClient, account: SocialAccount, overrides: dict[str, Any], unused: list[str]
) -> None:
    other = make_account(workspace=account.workspace, is_default=False)
    ids = {"OTHER": str(other.id), "OWN": str(account.id)}
    body = {
        "content": "Hello", "platforms": ["mastodon"],
        "overrides": {ids.get(key, key): override for key, override in overrides.items()},
    }  # fmt: skip

    verdict = validate(client, **body)
    post = client.post("/api/v2/posts", {**body, "scheduled_time": "2030-01-31T09:00:00Z"}).json()

    fields = [field.replace("OTHER", str(other.id)) for field in unused]
    assert (verdict["valid"], [one["field"] for one in verdict["warnings"]]) == (True, fields)
    assert {one["code"] for one in verdict["warnings"]} <= {"override_unused"}
    assert post["warnings"] == verdict["warnings"]


def test_override_of_a_platform_without_account_is_used_once_there_is_one(client: APIClient) -> None:
    body = {"content": "Hello", "platforms": ["twitter"], "overrides": {"twitter": {"content": "x"}}}

    assert validate(client, **body)["warnings"] == []


def test_an_account_that_is_paused_says_so(client: APIClient, account: SocialAccount) -> None:
    SocialAccount.objects.update(state="paused")

    verdict = validate(client, content="Hello", accounts=[str(account.id)])

    [shown] = verdict["platforms"]["mastodon"]
    assert [fault["code"] for fault in shown["problems"]] == ["account_not_active"]


def test_what_is_no_post_at_all_is_refused(client: APIClient) -> None:
    answer = client.post("/api/v2/posts/validate", {"content": 5, "colour": "red"})

    assert answer.status_code == 400
    assert {fault["field"] for fault in answer.json()["errors"]} == {"content", "colour"}


def test_a_foreign_account_is_unknown_and_a_viewer_may_ask(account: SocialAccount) -> None:
    workspace = make_workspace()
    client = signed_in(make_member(workspace, role="viewer"))  # type: ignore[arg-type]

    verdict = validate(client, content="Hello", accounts=[str(account.id)])

    assert [fault["code"] for fault in verdict["problems"]] == ["unknown_account"]
    assert verdict["platforms"] == {}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"mastodon": {"colour": "red"}}, "post_options.mastodon.colour"),
        ({"bluesky": {"colour": "red"}}, "post_options.bluesky.colour"),
        ({"twitter": {"replySettings": "following"}}, "post_options.twitter.replySettings"),
        ({"mastodon": {"visibility": "public"}, "twitter": {"": 1}}, "post_options.twitter."),
    ],
)
@pytest.mark.parametrize("platforms", [["mastodon"], ["bluesky"], []])
def test_unknown_option_is_refused_of_a_draft_too_whatever_is_chosen(
    client: APIClient, options: dict[str, Any], field: str, platforms: list[str]
) -> None:
    body = {"content": "Hello", "platforms": platforms, "post_options": options}

    answer = client.post("/api/v2/posts", body)

    assert (answer.status_code, Post.objects.count()) == (400, 0)
    [fault] = answer.json()["errors"]
    assert (fault["field"], fault["code"]) == (field, "unknown_option")
    found = [one["field"] for one in validate(client, **body)["problems"] if one["code"] == "unknown_option"]
    assert found == [field]


def test_unknown_option_is_refused_of_an_edit_too(client: APIClient) -> None:
    post = client.post("/api/v2/posts", {"content": "Hello", "platforms": ["mastodon"]}).json()

    answer = client.patch(f"/api/v2/posts/{post['id']}", {"post_options": {"bluesky": {"lang": ["en"]}}})

    assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (
        400,
        ["post_options.bluesky.lang"],
    )
    assert Post.objects.get().post_options == {}
