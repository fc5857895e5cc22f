"""Every operation of the API, with what the tenancy walk (test_tenancy.py) needs to call it.

A new operation is added here; the walk fails until it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any
from uuid import uuid4

from accounts.models import Workspace
from accounts.tests.factories import make_api_key, make_invitation, make_member, make_workspace


class Kind(Enum):
    PUBLIC = auto()  # nobody signs in for it
    PERSONAL = auto()  # about the caller, whatever the workspace
    WORKSPACE = auto()  # about rows of one workspace


@dataclass(frozen=True, slots=True)
class Operation:
    """How to call one operation.

    `thing` makes in a workspace what the path names or the list shows, and returns its id; the id stands for `{id}`
    in the path. `body` is a valid one for that workspace. `path` stands for other parameters: a text, or what makes one
    in the workspace. `fixtures` are asked for first. `viewer_may`: a write that a viewer may do. `only_reads`: a POST
    that stores nothing. `begins_a_write`: a GET that a viewer may not. `takes_an_admin`: an editor may not.
    `takes_a_sign_in`: no API key may. `is_of_one_person`: also
    within the workspace only who made the thing reaches it. `adds_up`: its answer is sums, of which
    analytics/tests/test_overview.py holds that nothing foreign is in them. `gives_bytes`: a file, which is no page
    either. `media_type`: of that file. `is_multipart`: how its body is sent. `untold`: why the audit log hears
    nothing of it, of an operation that is no GET.
    """

    kind: Kind = Kind.WORKSPACE
    thing: Callable[[Workspace], Any] | None = None
    body: Callable[[Workspace], Any] = lambda _: None
    query: str = ""
    path: dict[str, str | Callable[[Workspace], Any]] = field(default_factory=dict)
    viewer_may: bool = False
    only_reads: bool = False
    begins_a_write: bool = False
    takes_an_admin: bool = False
    takes_a_sign_in: bool = False
    is_of_one_person: bool = False
    adds_up: bool = False
    gives_bytes: bool = False
    media_type: str = "image/jpeg"
    is_multipart: bool = False
    untold: str = ""
    fixtures: tuple[str, ...] = ()


def key_of_owner(workspace: Workspace) -> Any:
    key, _ = make_api_key(workspace.memberships.get(role="owner").user, workspace)
    return key.id


def itself(workspace: Workspace) -> Any:
    return workspace.id


def member_of(workspace: Workspace) -> Any:
    return make_member(workspace).id


def invitation_into(workspace: Workspace) -> Any:
    return make_invitation(workspace)[0].id


def token_from_elsewhere(_: Workspace) -> dict[str, Any]:
    return {"token": make_invitation(make_workspace())[1]}


def account_of(workspace: Workspace) -> Any:
    from integrations.tests.factories import make_account

    return make_account(workspace=workspace).id


def account_nobody_signed_in_to(workspace: Workspace) -> Any:
    """Its platform need not be told when it is disconnected."""
    from integrations.tests.factories import make_account

    return make_account(workspace=workspace, credential=None).id


def pending_account_of(workspace: Workspace) -> Any:
    from integrations.tests.factories import make_account

    return make_account(workspace=workspace, state="pending", is_default=False).id


def signed_in_account_of(workspace: Workspace) -> Any:
    """An account of the simulator whose token can be refreshed."""
    from django.conf import settings

    from integrations.tests.factories import connect
    from tests.world import Sandbox

    world = Sandbox(f"http://127.0.0.1:{settings.SANDBOX_PORT}")
    world.instance("mastodon", rotating_tokens=True)
    return connect(world, workspace=workspace).id


def app_password_of(_: Workspace) -> dict[str, Any]:
    from django.conf import settings

    from tests.world import Sandbox

    world = Sandbox(f"http://127.0.0.1:{settings.SANDBOX_PORT}")
    person = world.accounts("bluesky", f"person-{uuid4().hex[:8]}")
    return {"platform": "bluesky", "handle": person["handle"], "app_password": person["app_password"]}


def draft_of(workspace: Workspace) -> Any:
    from posts.tests.factories import make_post

    return make_post(workspace=workspace).id


def post_for_default_account(workspace: Workspace) -> dict[str, Any]:
    if not workspace.social_accounts.exists():
        account_of(workspace)
    return {"content": "Hello", "platforms": ["mastodon"]}


def scheduled_of(workspace: Workspace) -> Any:
    from integrations.models import SocialAccount
    from posts.tests.factories import make_delivery

    account = SocialAccount.objects.get(id=account_of(workspace))
    return make_delivery(account, due_at=datetime(2030, 1, 31, 9, tzinfo=UTC)).post_id


def attempt_of(workspace: Workspace) -> Any:
    from django.utils import timezone

    from mastablasta.core.ids import new_id
    from posts.models import Attempt, Post
    from posts.states import AttemptKind

    post = Post.objects.get(pk=draft_of(workspace))
    delivery = post.deliveries.get()
    at = timezone.now()
    Attempt.objects.create(delivery=delivery, number=1, kind=AttemptKind.SEND, lease_token=new_id(), started_at=at)
    return post.id


def delivery_in(state: str, **row: Any) -> Callable[[Workspace], Any]:
    """Makes a post whose one delivery is in that state, and returns the post's id."""

    def make(workspace: Workspace) -> Any:
        from integrations.tests.factories import make_account
        from posts.models import Post
        from posts.tests.factories import make_delivery

        delivery = make_delivery(make_account(workspace=workspace), state=state, **row)
        status = {"queued": "scheduled"}.get(state, state)
        Post.objects.filter(pk=delivery.post_id).update(status=status)
        return delivery.post_id

    return make


def unconfirmed_delivery_of(workspace: Workspace) -> Any:
    from django.utils import timezone

    from posts.models import Delivery

    at = timezone.now()
    return Delivery.objects.get(post=delivery_in("unconfirmed", sent_at=at, doubted_at=at)(workspace)).id


def bulk_job_of(workspace: Workspace) -> Any:
    from posts.services import bulk_jobs

    return bulk_jobs.begin(workspace, by=workspace.members.all()[0], kind="create", items=[{"content": "Hello"}]).id


def picture_of(workspace: Workspace) -> Any:
    from media_library.tests.factories import make_asset

    return make_asset(workspace=workspace).id


def picture_with_preview_of(workspace: Workspace) -> Any:
    from media_library.models import Asset
    from media_library.tests.factories import make_rendition

    asset = Asset.objects.get(id=picture_of(workspace))
    make_rendition(asset)
    return asset.id


def new_picture(_: Workspace) -> dict[str, Any]:
    from django.core.files.uploadedfile import SimpleUploadedFile

    from media_library.tests.factories import photo

    return {"file": SimpleUploadedFile("beach.jpg", photo())}


def file_of_posts(_: Workspace) -> dict[str, Any]:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return {"file": SimpleUploadedFile("posts.csv", b"content\nHello\n")}


def address_of_a_picture(_: Workspace) -> dict[str, Any]:
    from django.conf import settings

    return {"url": f"{settings.PICTURES_URL}/beach.jpg"}


def webhook_of(workspace: Workspace) -> Any:
    from webhooks.tests.factories import make_endpoint

    return make_endpoint("https://127.0.0.1/hook", workspace=workspace).id  # nobody is asked where it is


def failed_webhook_delivery_of(workspace: Workspace) -> Any:
    """It has the id of its webhook, so that the list's path can be told by it too."""
    from webhooks.models import EndpointDelivery
    from webhooks.tests.factories import make_endpoint, make_events

    endpoint = make_endpoint(workspace=workspace)
    (event,) = make_events(workspace)
    return EndpointDelivery.objects.create(id=endpoint.id, endpoint=endpoint, event=event, state="failed").id


def post_with_figures(workspace: Workspace) -> Any:
    from analytics.recording import Sample, record
    from analytics.tests.factories import NOON, make_published
    from integrations.tests.factories import make_account

    delivery = make_published(make_account(workspace=workspace))
    record([Sample(delivery.id, NOON, likes=1)], at=NOON)
    return delivery.post_id


def account_with_figures(workspace: Workspace) -> Any:
    from analytics.recording import AccountFigures, record_accounts
    from analytics.tests.factories import NOON
    from integrations.tests.factories import make_account

    account = make_account(workspace=workspace)
    record_accounts([AccountFigures(account.id, NOON, followers=1)])
    return account.id


def alert_of(workspace: Workspace) -> Any:
    from analytics.services.alerts import create_alert

    return create_alert(workspace, by=workspace.members.all()[0], figure="views", threshold=10_000).id


def its_webhook(workspace: Workspace) -> Any:
    """The workspace's only one, if there is one."""
    return workspace.webhooks.values_list("id", flat=True).first() or uuid4()


def public(body: dict[str, Any] | None = None) -> Operation:
    return Operation(Kind.PUBLIC, body=lambda _: body)


def personal(body: dict[str, Any] | None = None) -> Operation:
    return Operation(Kind.PERSONAL, body=lambda _: body, viewer_may=True)


OPERATIONS: dict[str, Operation] = {
    "GET ": public(),
    "GET /status": public(),
    "POST /auth/register": public({}),
    "POST /auth/login": public({}),
    "POST /auth/refresh": public({}),
    "POST /auth/logout": personal({}),
    "POST /auth/password": Operation(Kind.PERSONAL, viewer_may=True, fixtures=("known_password",), body=lambda _: {
        "current_password": "correct horse battery", "new_password": "another long one"
    }),
    "POST /auth/password/reset": public({}),
    "POST /auth/password/reset/confirm": public({}),
    "GET /auth/me": personal(),
    "PATCH /auth/me": personal({"name": "Ada"}),
    "GET /workspaces": personal(),
    "POST /workspaces": personal({"name": "Mine"}),
    "GET /workspaces/{id}": Operation(thing=itself),
    "PATCH /workspaces/{id}": Operation(thing=itself, body=lambda _: {"name": "Other"}, takes_an_admin=True),
    "DELETE /workspaces/{id}": Operation(thing=itself, takes_an_admin=True, takes_a_sign_in=True),
    "GET /workspaces/{id}/members": Operation(thing=itself),
    "PATCH /workspaces/{id}/members/{user_id}": Operation(
        thing=itself, path={"user_id": member_of}, body=lambda _: {"role": "viewer"}, takes_an_admin=True,
        takes_a_sign_in=True,
    ),
    "DELETE /workspaces/{id}/members/{user_id}": Operation(
        thing=itself, path={"user_id": member_of}, takes_an_admin=True, takes_a_sign_in=True
    ),
    "GET /workspaces/{id}/invitations": Operation(thing=itself, begins_a_write=True, takes_an_admin=True),
    "POST /workspaces/{id}/invitations": Operation(
        thing=itself, body=lambda _: {"email": "grace@example.test"}, takes_an_admin=True, takes_a_sign_in=True
    ),
    "DELETE /workspaces/{id}/invitations/{invitation_id}": Operation(
        thing=itself, path={"invitation_id": invitation_into}, takes_an_admin=True, takes_a_sign_in=True
    ),
    "POST /invitations/accept": Operation(Kind.PERSONAL, body=token_from_elsewhere, viewer_may=True),
    "GET /auth/api-keys": Operation(thing=key_of_owner, is_of_one_person=True),
    "POST /auth/api-keys": Operation(body=lambda _: {"name": "Key"}, viewer_may=True),
    "DELETE /auth/api-keys/{id}": Operation(thing=key_of_owner, viewer_may=True, is_of_one_person=True),
    "GET /platforms": personal(),
    "GET /accounts": Operation(thing=account_of),
    "POST /accounts": Operation(body=app_password_of),
    "GET /accounts/{id}": Operation(thing=account_of),
    "PATCH /accounts/{id}": Operation(thing=account_of, body=lambda _: {"status": "paused"}),
    "DELETE /accounts/{id}": Operation(thing=account_nobody_signed_in_to),
    "POST /accounts/{id}/refresh": Operation(
        thing=signed_in_account_of, untold="the program does it by itself, too; what is found out is an event"
    ),
    "POST /accounts/{id}/test": Operation(thing=signed_in_account_of, untold="it asks the platform, no more"),
    "POST /accounts/{id}/activate": Operation(thing=pending_account_of),
    "GET /oauth/{platform}/authorize": Operation(
        path={"platform": "mastodon"}, fixtures=("sandbox",), begins_a_write=True
    ),
    "GET /oauth/{platform}/callback": Operation(Kind.PUBLIC, path={"platform": "mastodon"}),
    "GET /posts": Operation(thing=draft_of),
    "POST /posts": Operation(body=post_for_default_account),
    "GET /posts/{id}": Operation(thing=draft_of),
    "PUT /posts/{id}": Operation(thing=draft_of, body=post_for_default_account),
    "PATCH /posts/{id}": Operation(thing=draft_of, body=lambda _: {"content": "Other"}),
    "DELETE /posts/{id}": Operation(thing=draft_of),
    "POST /posts/{id}/publish": Operation(thing=draft_of),
    "POST /posts/{id}/cancel": Operation(thing=delivery_in("queued")),
    "POST /posts/{id}/reschedule": Operation(
        thing=delivery_in("queued"), body=lambda _: {"scheduled_time": "2030-01-31T09:00:00Z"}
    ),
    "POST /posts/{id}/duplicate": Operation(thing=draft_of),
    "POST /posts/{id}/retry": Operation(thing=delivery_in("failed", error_retryable=True)),
    "POST /posts/retry-failed": Operation(thing=delivery_in("failed", error_retryable=True)),
    "POST /deliveries/{id}/resolve": Operation(
        thing=unconfirmed_delivery_of, body=lambda _: {"outcome": "published"}
    ),
    "GET /posts/{id}/attempts": Operation(thing=attempt_of),
    "GET /posts/export": Operation(thing=draft_of, gives_bytes=True, media_type="text/csv; charset=utf-8"),
    "POST /posts/validate": Operation(body=post_for_default_account, only_reads=True),
    "GET /media": Operation(thing=picture_of),
    "GET /media/{id}": Operation(thing=picture_of),
    "PATCH /media/{id}": Operation(thing=picture_of, body=lambda _: {"alt_text": "A beach"}),
    "DELETE /media/{id}": Operation(thing=picture_of),
    "GET /media/{id}/file": Operation(thing=picture_of, gives_bytes=True),
    "GET /media/{id}/thumbnail": Operation(thing=picture_of, gives_bytes=True),
    "GET /media/{id}/renditions": Operation(thing=picture_with_preview_of),
    "GET /media/links/renditions/{rendition}": Operation(Kind.PUBLIC, path={"rendition": str(uuid4())}),
    "GET /media/links/thumbnails/{asset}": Operation(Kind.PUBLIC, path={"asset": str(uuid4())}),
    "POST /media/upload": Operation(body=new_picture, is_multipart=True),
    "POST /media/from-url": Operation(body=address_of_a_picture, fixtures=("pictures_host",)),
    "GET /search/posts": Operation(thing=draft_of, query="?q=Hello"),
    "POST /bulk/posts/create": Operation(body=lambda workspace: {"posts": [post_for_default_account(workspace)]}),
    "POST /bulk/posts/import": Operation(body=file_of_posts, is_multipart=True),
    "POST /bulk/posts/update": Operation(
        body=lambda workspace: {"updates": [{"id": str(draft_of(workspace)), "content": "Other"}]}
    ),
    "POST /bulk/posts/publish": Operation(body=lambda workspace: {"post_ids": [str(draft_of(workspace))]}),
    "POST /bulk/posts/retry": Operation(
        body=lambda workspace: {"post_ids": [str(delivery_in("failed", error_retryable=True)(workspace))]}
    ),
    "GET /bulk/jobs": Operation(thing=bulk_job_of),
    "GET /bulk/jobs/{id}": Operation(thing=bulk_job_of),
    "POST /bulk/jobs/{id}/cancel": Operation(thing=bulk_job_of),
    "GET /bulk/jobs/{id}/result": Operation(thing=bulk_job_of),
    "POST /bulk/posts/delete": Operation(body=lambda workspace: {"post_ids": [str(draft_of(workspace))]}),
    "GET /webhooks": Operation(thing=webhook_of),
    "POST /webhooks": Operation(body=lambda _: {"url": "https://1.1.1.1/hook", "events": ["post.published"]}),
    "GET /webhooks/{id}": Operation(thing=webhook_of),
    "PATCH /webhooks/{id}": Operation(thing=webhook_of, body=lambda _: {"status": "paused"}),
    "DELETE /webhooks/{id}": Operation(thing=webhook_of),
    "POST /webhooks/{id}/test": Operation(thing=webhook_of, untold="it sends an example and changes nothing"),
    "POST /webhooks/{id}/rotate-secret": Operation(thing=webhook_of),
    "POST /webhooks/{id}/redeliver": Operation(thing=webhook_of),
    "GET /webhooks/{id}/deliveries": Operation(thing=failed_webhook_delivery_of),
    "GET /webhooks/{webhook_id}/deliveries/{id}": Operation(
        thing=failed_webhook_delivery_of, path={"webhook_id": its_webhook}
    ),
    "POST /webhooks/{webhook_id}/deliveries/{id}/redeliver": Operation(
        thing=failed_webhook_delivery_of, path={"webhook_id": its_webhook}
    ),
    "GET /calendar": Operation(thing=scheduled_of, query="?from=2030-01-01&to=2030-01-31"),
    "GET /analytics/posts/{id}": Operation(thing=post_with_figures),
    "GET /analytics/accounts/{id}": Operation(thing=account_with_figures),
    "GET /analytics/overview": Operation(adds_up=True),
    "GET /analytics/best-times": Operation(adds_up=True),
    "GET /analytics/export": Operation(
        thing=post_with_figures, query="?from=2026-11-23&to=2026-11-23", gives_bytes=True,
        media_type="text/csv; charset=utf-8",
    ),
    "GET /analytics/alerts": Operation(thing=alert_of),
    "POST /analytics/alerts": Operation(body=lambda _: {"figure": "views", "threshold": 10_000}),
    "GET /analytics/alerts/{id}": Operation(thing=alert_of),
    "DELETE /analytics/alerts/{id}": Operation(thing=alert_of),
    "POST /analytics/refresh": Operation(
        body=lambda workspace: {"post_ids": [str(post_with_figures(workspace))]},
        untold="figures are asked for earlier than they would be, nothing else",
    ),
    "POST /schedule/conflicts": Operation(
        body=lambda _: {"scheduled_time": "2030-01-31T09:00:00Z"}, only_reads=True
    ),
}  # fmt: skip
