"""Connecting Facebook Pages: the person signs in, and each page that they may write for is a target with its token.

Source: https://developers.facebook.com/docs/pages-api/getting-started (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.errors import Unavailable
from integrations.protocols.graph import VERSION, auth_of
from integrations.protocols.graph_sign_in import FacebookLogin
from integrations.protocols.oauth2 import web_address
from integrations.protocols.values import id_in, object_in, text_in
from integrations.sign_in import ClientApp, GrantOwner, TargetIdentity

SCOPES = (
    "pages_show_list",
    "pages_read_engagement",
    "pages_manage_posts",
    "pages_manage_engagement",
    "pages_read_user_content",
    "read_insights",
    "business_management",
)
# Without these nothing can be published; the others cost the first comment or the counts.
NEEDED = ("pages_show_list", "pages_read_engagement", "pages_manage_posts")
COSTS = {
    "pages_manage_engagement": "First comments are not published.",
    "pages_read_user_content": "Reactions and comments are not counted.",
    "read_insights": "Views, reach and clicks are not counted.",
    "business_management": "Pages that belong to a business portfolio are not offered.",
}
FIELDS = "id,name,username,access_token,category,tasks,picture.type(large){url},link"
WRITING_TASKS = frozenset({"CREATE_CONTENT", "PROFILE_PLUS_CREATE_CONTENT", "PROFILE_PLUS_FULL_CONTROL"})
NO_ROLE = (
    "You may not write posts for this page; ask somebody with full control of it for the task of creating content."
)


class FacebookOAuth(FacebookLogin):
    label = "Facebook"
    needed_scopes = NEEDED
    scope_costs = COSTS

    @property
    def scopes(self) -> tuple[str, ...]:
        return SCOPES

    def missing_scopes(self, tokens: Any) -> list[str]:
        return [scope for scope in NEEDED if tokens.scopes and scope not in tokens.scopes]

    def who_am_i(self, app: ClientApp, *, access_token: str) -> GrantOwner:
        """The pages that the person ticked. One where they may not write is there, and says why it is of no use.

        Source: https://developers.facebook.com/docs/graph-api/reference/user/accounts (read 2026-11-23).
        """
        http = self.http.with_auth(auth_of(access_token, app))
        answer = http.get(f"/{VERSION}/me", params={"fields": "id"})
        if not answer.is_ok:
            raise self.meaning(answer)
        person = id_in(answer.fields())
        if not person:
            raise Unavailable("Facebook does not say who it is.", code="unreadable")
        rows = self.rows(app, access_token, "/me/accounts", {"fields": FIELDS, "limit": 100})
        return GrantOwner(person, tuple(_target(row) for row in rows if id_in(row)))


def _target(row: Mapping[str, Any]) -> TargetIdentity:
    page, tasks = id_in(row), row.get("tasks")
    may_write = isinstance(tasks, list) and not WRITING_TASKS.isdisjoint(str(task) for task in tasks)
    token = text_in(row, "access_token")
    name, username = text_in(row, "name")[:255], text_in(row, "username")
    return TargetIdentity(
        remote_id=page,
        handle=(f"@{username}" if username else name or page)[:255],
        name=name,
        avatar_url=web_address(object_in(object_in(row, "picture"), "data").get("url")),
        kind="page",
        facts={"url": web_address(row.get("link")) or f"https://www.facebook.com/{page}"},
        token=token,
        unusable="" if token and may_write else NO_ROLE,
    )
