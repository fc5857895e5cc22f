"""Files in posts: from the API's words to what arrives at each platform, in its form, once."""

from __future__ import annotations

import hashlib
import urllib.request
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Workspace
from integrations.models import SocialAccount
from integrations.tests.factories import connect, make_account
from mastablasta.ops import tasks
from media_library.models import Asset, AssetStatus, Rendition
from media_library.tests.factories import MAKER, clip, make_asset, moving, photo, still
from posts.models import Delivery, Post, PostMedia
from posts.services import post_renditions
from posts.tests.test_publishing import outcomes, run, run_until_settled
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

PLATFORMS = ("twitter", "mastodon", "bluesky")
NOBODYS = "01a206dc-28b9-7431-bf43-c8f15169286e"  # no file has this id
LATER = "2030-01-31T09:00:00Z"


def create(client: APIClient, **body: Any) -> Any:
    return client.post("/api/v2/posts", {"platforms": ["mastodon"], **body}, format="json")


def created(client: APIClient, **body: Any) -> dict[str, Any]:
    answer = create(client, **body)
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def faults(answer: Any) -> list[tuple[str, str]]:
    return [(one["field"], one["code"]) for one in answer.json()["errors"]]


# --- what is stored and shown ---
def test_files_come_back_as_they_were_given(client: APIClient, workspace: Workspace, account: SocialAccount) -> None:
    one, two, three = (make_asset(workspace=workspace) for _ in range(3))
    said = {
        "content": "Hello",
        "media": [str(one.id), {"id": str(two.id), "alt_text": "Two", "fit": "pad"}],
        "overrides": {"mastodon": {"media": [str(three.id)]}, str(account.id): {"content": "Own", "media": []}},
    }

    post = created(client, **said)

    assert {name: post[name] for name in said} == said
    again = client.put(f"/api/v2/posts/{post['id']}", post, format="json")
    assert again.status_code == 200
    assert {name: again.json()[name] for name in said} == said
    assert client.get("/api/v2/posts?has_media=true").json()["total"] == 1
    assert client.get("/api/v2/posts?has_media=false").json()["total"] == 0


def test_cover_stands_beside_its_video_where_a_platform_has_covers(
    client: APIClient, workspace: Workspace, account: SocialAccount
) -> None:
    make_account(workspace=workspace, platform="instagram", facts={"login": "facebook"})
    workspace.requires_alt_text = True
    workspace.save()
    film = make_asset(workspace=workspace, data=clip(duration_s=3, fps=24), alt_text="Waves")
    media = [str(film.id), {"id": str(make_asset(workspace=workspace).id), "role": "cover"}]

    post = created(client, content="A reel", platforms=["instagram"], post_type="reel", media=media)

    assert (post["media"], post["warnings"]) == (media, [])
    expanded = client.get(f"/api/v2/posts/{post['id']}?expand=media").json()["media"]
    assert [one["role"] for one in expanded] == ["content", "cover"]
    again = client.put(f"/api/v2/posts/{post['id']}", {**post, "media": expanded}, format="json")
    assert [one.get("role") for one in again.json()["media"]] == [None, "cover"]
    refused = create(client, content="A film", media=media, publish=True)
    assert faults(refused) == [("media.1", "cover_not_supported")]


def test_parts_of_a_thread_have_their_own(client: APIClient, workspace: Workspace, account: SocialAccount) -> None:
    one, two = (str(make_asset(workspace=workspace).id) for _ in range(2))

    post = created(client, thread=[{"content": "A", "media": [one]}, "B", {"content": "", "media": [two]}])

    assert post["media"] == [one]
    assert post["thread"] == [{"content": "A", "media": [one]}, "B", {"content": "", "media": [two]}]
    shorter = client.patch(f"/api/v2/posts/{post['id']}", {"thread": ["A", "B"]}, format="json").json()
    assert (shorter["thread"], shorter["media"]) == ([{"content": "A", "media": [one]}, "B"], [one])
    bare = client.patch(f"/api/v2/posts/{post['id']}", {"media": []}, format="json").json()
    assert (bare["thread"], bare["media"], PostMedia.objects.count()) == (["A", "B"], [], 0)


def test_what_is_said_twice_must_be_the_same(client: APIClient, workspace: Workspace, account: SocialAccount) -> None:
    one, two = (str(make_asset(workspace=workspace).id) for _ in range(2))

    refused = create(client, media=[one], thread=[{"content": "A", "media": [two]}])

    assert (refused.status_code, faults(refused)) == (400, [("media", "contradiction")])


UNKNOWN = "01a22479-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"thread": [{"content": "A", "media": [UNKNOWN]}, "B"]}, "thread.0.media.0"),
        ({"thread": ["A", {"content": "B", "media": [UNKNOWN]}]}, "thread.1.media.0"),
        ({"thread": ["A", "B"], "media": [UNKNOWN]}, "media.0"),
        ({"thread": [{"content": "A", "media": [UNKNOWN]}], "media": [UNKNOWN]}, "media.0"),
        (
            {"content": "A", "overrides": {"mastodon": {"thread": [{"content": "A", "media": [UNKNOWN]}, "B"]}}},
            "overrides.mastodon.thread.0.media.0",
        ),
        ({"content": "A", "overrides": {"mastodon": {"media": [UNKNOWN]}}}, "overrides.mastodon.media.0"),
    ],
)
@pytest.mark.parametrize("how", ["create", "validate", "put", "patch"])
def test_a_file_is_named_where_it_was_given(
    client: APIClient, workspace: Workspace, account: SocialAccount, said: dict[str, Any], field: str, how: str
) -> None:
    if how == "validate":
        verdict = client.post("/api/v2/posts/validate", {"platforms": ["mastodon"], **said}, format="json").json()
        assert [(one["field"], one["code"]) for one in verdict["problems"]] == [(field, "unknown_media")]
        return
    if how == "create":
        refused = create(client, **said)
    else:
        path = f"/api/v2/posts/{created(client, content='Old')['id']}"
        refused = getattr(client, how)(path, said, format="json")

    assert (refused.status_code, faults(refused)) == (400, [(field, "unknown_media")])


def test_what_a_platform_does_not_take_is_named_where_it_was_given(
    client: APIClient, workspace: Workspace, account: SocialAccount
) -> None:
    files = [str(make_asset(workspace=workspace).id) for _ in range(5)]
    thread = [{"content": "A", "media": files}, "B"]

    draft = created(client, thread=thread)
    verdict = client.post("/api/v2/posts/validate", {"platforms": ["mastodon"], "thread": thread}, format="json").json()

    assert [one["field"] for one in draft["warnings"]] == ["thread.0.media"]
    assert [one["field"] for one in verdict["problems"]] == ["thread.0.media"]
    assert [one["field"] for one in verdict["platforms"]["mastodon"][0]["problems"]] == ["thread.0.media"]


def test_expanded_files_are_whole_and_may_be_sent_back(
    client: APIClient, workspace: Workspace, account: SocialAccount
) -> None:
    asset = make_asset(workspace=workspace, alt_text="Of the file")
    post = created(client, media=[{"id": str(asset.id), "alt_text": "Of the use"}])

    plain = client.get(f"/api/v2/posts/{post['id']}")
    shown = client.get(f"/api/v2/posts/{post['id']}?expand=media")

    [file] = shown.json()["media"]
    assert (file["id"], file["alt_text"], file["sha256"]) == (str(asset.id), "Of the use", asset.sha256)
    assert shown["ETag"] == plain["ETag"]
    back = client.put(f"/api/v2/posts/{post['id']}", shown.json(), format="json", headers={"If-Match": shown["ETag"]})
    assert (back.status_code, back.json()["media"]) == (200, plain.json()["media"])
    [listed] = client.get("/api/v2/posts?expand=media").json()["posts"]
    assert listed["media"] == shown.json()["media"]
    assert faults(client.get("/api/v2/posts?expand=files")) == [("expand", "invalid_choice")]


@pytest.mark.parametrize(
    ("media", "fault"),
    [
        (["nonsense"], ("media.0", "invalid_media")),
        ([5], ("media.0", "invalid_media")),
        ([{"alt_text": "x"}], ("media.0", "invalid_media")),
        ([{"id": NOBODYS, "fit": "stretch"}], ("media.0.fit", "invalid_choice")),
        ([{"id": NOBODYS, "role": "frame"}], ("media.0.role", "invalid_choice")),
        ([{"id": NOBODYS, "alt_text": "x" * 10_001}], ("media.0.alt_text", "max_length")),
        ([{"id": NOBODYS, "colour": "red"}], ("media.0.colour", "unknown")),
        ([NOBODYS, {"id": NOBODYS, "altText": "A lake"}], ("media.1.altText", "unknown")),
        ([{"id": NOBODYS, "ALT_TEXT": ""}], ("media.0.ALT_TEXT", "unknown")),
        ("nonsense", ("media", "not_a_list")),
        ([NOBODYS], ("media.0", "unknown_media")),
    ],
)
def test_bad_media_are_refused_by_name(
    client: APIClient, account: SocialAccount, media: Any, fault: tuple[str, str]
) -> None:
    answer = create(client, content="Hello", media=media)

    assert (answer.status_code, faults(answer), Post.objects.count()) == (400, [fault], 0)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"thread": [{"content": "a", "media": [{"id": NOBODYS, "alt": "A lake"}]}]}, "thread.0.media.0.alt"),
        ({"overrides": {"mastodon": {"media": [{"id": NOBODYS, "alt": "A lake"}]}}},
         "overrides.mastodon.media.0.alt"),
        ({"thread": [{"content": "a", "colour": "red"}]}, "thread.0.colour"),
    ],
)  # fmt: skip
def test_unknown_name_is_refused_wherever_media_are_named(
    client: APIClient, account: SocialAccount, body: dict[str, Any], field: str
) -> None:
    answer = create(client, **body)

    assert (answer.status_code, faults(answer), Post.objects.count()) == (400, [(field, "unknown")], 0)
    assert "valid names: " in answer.json()["detail"]


def test_files_of_others_do_not_exist(client: APIClient, account: SocialAccount) -> None:
    foreign = make_asset()

    answer = create(client, content="Hello", media=[str(foreign.id)])

    assert (answer.status_code, faults(answer)) == (400, [("media.0", "unknown_media")])


def test_a_post_without_a_word_may_have_files(client: APIClient, workspace: Workspace, account: SocialAccount) -> None:
    post = created(client, media=[str(make_asset(workspace=workspace).id)], scheduled_time=LATER)

    assert (post["content"], post["status"]) == ("", "scheduled")
    assert faults(create(client)) == [("content", "required")]


# --- problems with it ---
def test_a_workspace_may_require_alt_text(client: APIClient, workspace: Workspace, account: SocialAccount) -> None:
    Workspace.objects.filter(id=workspace.id).update(requires_alt_text=True)
    asset = make_asset(workspace=workspace)

    draft = created(client, media=[str(asset.id)])
    refused = create(client, media=[str(asset.id)], scheduled_time=LATER)
    told = created(client, media=[{"id": str(asset.id), "alt_text": "A street"}], scheduled_time=LATER)

    assert [(one["field"], one["code"]) for one in draft["warnings"]] == [("media.0", "alt_text_required")]
    assert (refused.status_code, faults(refused)) == (400, [("media.0", "alt_text_required")])
    assert told["status"] == "scheduled"


def test_what_a_platform_does_not_take_is_told_when_scheduling(
    client: APIClient, workspace: Workspace, account: SocialAccount
) -> None:
    five = [str(make_asset(workspace=workspace).id) for _ in range(5)]
    film = str(make_asset(workspace=workspace, data=clip()).id)

    assert faults(create(client, media=five, scheduled_time=LATER)) == [("media", "too_many_media")]
    assert faults(create(client, media=[five[0], film], scheduled_time=LATER)) == [("media", "media_cannot_mix")]
    verdict = client.post("/api/v2/posts/validate", {"media": five, "platforms": ["mastodon"]}, format="json").json()
    assert (verdict["valid"], [one["code"] for one in verdict["problems"]]) == (False, ["too_many_media"])
    fine = client.post("/api/v2/posts/validate", {"media": five[:1], "platforms": ["mastodon"]}, format="json").json()
    [part] = fine["platforms"]["mastodon"][0]["parts"]
    assert (fine["valid"], [(one["id"], one["mime_type"]) for one in part["media"]]) == (
        True, [(five[0], "image/jpeg")],
    )  # fmt: skip


def test_what_cannot_be_made_is_told_before_it_is_due(
    client: APIClient, workspace: Workspace, account: SocialAccount
) -> None:
    asset = make_asset(workspace=workspace)
    post = created(client, media=[str(asset.id)], scheduled_time=LATER)
    rendition = Rendition.objects.get(asset=asset)
    Rendition.objects.filter(id=rendition.id).update(
        status=AssetStatus.FAILED, status_reason="It is broken.", next_try_at=None
    )

    post_renditions.on_renditions_finished({asset.id}, at=timezone.now())

    shown = client.get(f"/api/v2/posts/{post['id']}").json()
    [delivery] = shown["deliveries"]
    assert (delivery["status"], delivery["waiting_for"], delivery["error"]["code"]) == (
        "pending", "person", "media_failed",
    )  # fmt: skip
    assert "It is broken." in delivery["error"]["message"]
    again = client.post(f"/api/v2/posts/{post['id']}/publish")
    assert (again.status_code, faults(again)) == (400, [("media.0", "media_failed")])
    other = make_asset(workspace=workspace)
    mended = client.patch(f"/api/v2/posts/{post['id']}", {"media": [str(other.id)]}, format="json").json()
    assert (mended["status"], mended["deliveries"][0]["error"], mended["deliveries"][0]["waiting_for"]) == (
        "scheduled", None, None,
    )  # fmt: skip


def test_renditions_name_the_platforms_that_get_them(
    client: APIClient, workspace: Workspace, account: SocialAccount
) -> None:
    asset = make_asset(workspace=workspace, data=moving())
    created(client, media=[str(asset.id)], scheduled_time=LATER)

    [row] = client.get(f"/api/v2/media/{asset.id}/renditions").json()["renditions"]

    assert "mastodon" in row["platforms"]
    assert "bluesky" not in row["platforms"]  # there a picture that moves is a film
    assert (row["status"], row["mime_type"]) == ("processing", "image/gif")


# --- deleting files ---
def test_a_file_of_a_scheduled_post_is_kept_unless_forced(
    client: APIClient, workspace: Workspace, account: SocialAccount
) -> None:
    asset = make_asset(workspace=workspace)
    post = created(client, content="Hello", media=[str(asset.id)], scheduled_time=LATER)

    refused = client.delete(f"/api/v2/media/{asset.id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert post["id"] in refused.json()["detail"]
    assert client.delete(f"/api/v2/media/{asset.id}?force=true").status_code == 204

    shown = client.get(f"/api/v2/posts/{post['id']}").json()
    assert (shown["status"], shown["scheduled_time"], shown["media"]) == ("draft", None, [str(asset.id)])
    assert [one["code"] for one in shown["warnings"]] == ["media_deleted"]
    assert client.get(f"/api/v2/media/{asset.id}").status_code == 404
    again = client.post(f"/api/v2/posts/{post['id']}/publish")
    assert (again.status_code, faults(again)) == (400, [("media.0", "media_deleted")])


def test_a_file_of_drafts_goes_at_once(client: APIClient, workspace: Workspace, account: SocialAccount) -> None:
    asset = make_asset(workspace=workspace)
    created(client, content="Hello", media=[str(asset.id)])

    assert client.delete(f"/api/v2/media/{asset.id}").status_code == 204
    assert client.delete(f"/api/v2/media/{asset.id}").status_code == 404


# --- what arrives ---
def everywhere(sandbox: Sandbox, workspace: Workspace) -> None:
    for platform in PLATFORMS:
        connect(sandbox, "anna", platform=platform, workspace=workspace)


def publish(client: APIClient, **body: Any) -> dict[str, Any]:
    post = created(client, publish=True, **{"platforms": list(PLATFORMS), **body})
    tasks.work_on_media()
    run_until_settled(*Delivery.objects.filter(post=post["id"]))
    return dict(client.get(f"/api/v2/posts/{post['id']}").json())


def seen(sandbox: Sandbox, platform: str) -> list[list[tuple[str, str]]]:
    return [[(m["mime_type"], m["alt_text"]) for m in post["media"]] for post in sandbox.posts(platform)]


def test_pictures_arrive_everywhere_in_order_without_what_the_camera_told(
    sandbox: Sandbox, client: APIClient, workspace: Workspace
) -> None:
    everywhere(sandbox, workspace)
    turned = make_asset(workspace=workspace, data=photo((80, 60), orientation=6), alt_text="A street")
    clear = make_asset(workspace=workspace, data=still("PNG", mode="RGBA"))

    post = publish(client, content="Look", media=[str(turned.id), {"id": str(clear.id), "alt_text": "Half clear"}])

    assert post["status"] == "published", post
    for platform in PLATFORMS:
        [arrived] = sandbox.posts(platform)
        assert [m["alt_text"] for m in arrived["media"]] == ["A street", "Half clear"]
        assert [m["mime_type"] for m in arrived["media"]] == ["image/jpeg", "image/png"]
        hashes = {m["sha256"] for m in arrived["media"]}
        made = Rendition.objects.filter(sha256__in=hashes)
        assert {m.sha256 for m in made} == hashes
        assert {(m.width, m.height) for m in made.filter(asset=turned)} == {(60, 80)}
        for rendition in made:
            with default_storage.open(rendition.stored_name) as file:
                data = file.read()
            assert hashlib.sha256(data).hexdigest() == rendition.sha256
            assert MAKER.encode() not in data
            assert b"Exif" not in data


def test_each_account_gets_its_own_choice_and_each_part_its_own(
    sandbox: Sandbox, client: APIClient, workspace: Workspace
) -> None:
    everywhere(sandbox, workspace)
    a, b, c = (make_asset(workspace=workspace, alt_text=name) for name in "abc")

    post = publish(
        client,
        thread=[{"content": "One", "media": [str(a.id)]}, {"content": "Two", "media": [str(b.id)]}],
        overrides={"bluesky": {"media": [str(c.id)]}, "mastodon": {"media": []}},
    )

    assert post["status"] == "published", post
    alts = {p: [[m["alt_text"] for m in row["media"]] for row in sandbox.posts(p)] for p in PLATFORMS}
    assert alts == {"twitter": [["a"], ["b"]], "mastodon": [[], []], "bluesky": [["c"], []]}


def test_a_post_that_is_due_waits_for_its_form_without_a_call_and_goes_on_at_once(
    sandbox: Sandbox, client: APIClient, workspace: Workspace
) -> None:
    connect(sandbox, "anna", workspace=workspace)
    asset = make_asset(workspace=workspace)
    post = created(client, content="Hello", media=[str(asset.id)], publish=True)
    delivery = Delivery.objects.get(post=post["id"])

    run()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries, delivery.error_code) == ("queued", 0, "")
    assert delivery.next_attempt_at > timezone.now() + timedelta(seconds=5)
    assert outcomes(delivery) == [("send", "abandoned")]
    assert [r for r in sandbox.requests("mastodon") if r["operation"] in {"publish", "upload"}] == []

    tasks.work_on_media()
    run_until_settled(delivery)

    assert (delivery.state, len(sandbox.posts())) == ("published", 1)


def test_a_file_that_the_storage_lost_is_no_silent_post_without_it(
    sandbox: Sandbox, client: APIClient, workspace: Workspace
) -> None:
    connect(sandbox, "anna", workspace=workspace)
    asset = make_asset(workspace=workspace)
    post = created(client, content="Hello", media=[str(asset.id)], publish=True)
    tasks.work_on_media()
    default_storage.delete(Rendition.objects.get(asset=asset).stored_name)
    delivery = Delivery.objects.get(post=post["id"])

    run_until_settled(delivery)

    assert (delivery.state, delivery.error_code) == ("failed", "storage_unavailable")
    assert sandbox.posts() == []


def test_the_feed_for_people_shows_the_picture(sandbox: Sandbox, client: APIClient, workspace: Workspace) -> None:
    connect(sandbox, "anna", workspace=workspace)
    asset = make_asset(workspace=workspace, alt_text="A street in the rain")

    publish(client, content="Look", platforms=["mastodon"], media=[str(asset.id)])

    with urllib.request.urlopen(sandbox.url) as page:
        assert 'alt="A street in the rain"' in page.read().decode()
    assert Asset.objects.count() == 1


# --- what has to be made ---
def test_cover_is_made_by_its_own_rule_and_a_document_as_it_is() -> None:
    from integrations.contract import Content, MediaUse, Part
    from mastablasta.core.media_rules import DocumentRule, ImageRule, MediaRule
    from posts.services.media import required_renditions

    small, large = ImageRule(("image/jpeg",), 10_000, max_width=100), ImageRule(("image/jpeg",), 10_000_000)
    pages = DocumentRule(("application/pdf",), 10_000)
    rule = MediaRule("https://example.com", "2026-11-28", images=large, documents=pages, covers=small)
    picture = MediaUse(NOBODYS, "", "image/jpeg", 5_000, width=400, height=400)
    uses = (picture, replace(picture, role="cover"), replace(picture, kind="document", mime_type="application/pdf"))

    forms, problems = required_renditions(Content((Part("", uses),)), rule)

    assert ([form.position for form in forms], problems) == ([0, 1, 2], [])
    assert forms[2].recipe.keeps == ("bytes",)
    assert forms[0].recipe.key != forms[1].recipe.key


# --- what is lost on the way ---
def test_an_animated_png_is_told_to_become_a_still(client: APIClient, account: SocialAccount) -> None:
    facts = {"frames": 12, "mode": "RGB", "orientation": 1}
    asset = make_asset(workspace=account.workspace, data=still("PNG"), facts=facts)
    body = {"content": "Hello", "platforms": [account.platform], "media": [str(asset.id)]}
    message = (
        "On Mastodon: Only its first picture is sent: an animated PNG is shown as a still. "
        "Save it as a GIF to keep it moving."
    )

    verdict = client.post("/api/v2/posts/validate", body, format="json").json()
    post = client.post("/api/v2/posts", {**body, "scheduled_time": "2030-01-31T09:00:00Z"}, format="json").json()
    renditions = client.get(f"/api/v2/media/{asset.id}/renditions").json()["renditions"]

    assert [(one["field"], one["code"], one["message"]) for one in verdict["warnings"]] == [
        ("media.0", "motion_lost", message)
    ]
    assert [one["code"] for one in post["warnings"]] == ["motion_lost"]
    assert [[one["code"] for one in made["warnings"]] for made in renditions] == [["motion_lost"]]
