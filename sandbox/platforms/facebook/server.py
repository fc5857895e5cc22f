"""Facebook itself: its people and their pages."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from sandbox.graph import Caller, GraphPlatform, Page, add_batch, add_sign_in, asked_fields, endpoint, refused
from sandbox.platforms.facebook.settings import SETTING_CHECKS, Settings
from sandbox.records import Media, Post
from sandbox.routing import Operation, Route, Routes
from sandbox.wire import Request, UnreadableBody
from sandbox.world import Site

ROUTES: Routes[Facebook] = Routes()
CHUNKED, HOSTED = "videos", ("video_reels", "video_stories")
ACCOUNT_FIELDS = frozenset(
    {"id", "name", "username", "access_token", "category", "tasks", "picture", "link", "instagram_business_account"}
)
TASKS = ["ANALYZE", "ADVERTISE", "MESSAGING", "MODERATE", "CREATE_CONTENT", "MANAGE"]


@dataclass(slots=True, eq=False)
class VideoUpload:
    """A video of a page: begun, sent, put together (`media`), perhaps not taken (`failure`), shown (`is_finished`)."""

    id: str
    session: str
    page: str
    edge: str
    size: int = 0
    data: bytes = b""
    ready_ms: int = 0
    media: Media | None = None
    failure: str = ""
    is_finished: bool = False

    @property
    def arrived_bytes(self) -> int:
        return self.size if self.media is not None else len(self.data)


def phase_of(fields: dict[str, Any]) -> str:
    return str(fields.get("upload_phase") or "")


class Facebook(GraphPlatform):
    slug = "facebook"
    label = "Facebook"
    routes = ROUTES
    handle_pattern = re.compile(r"[A-Za-z0-9._-]{1,50}")
    setting_checks = SETTING_CHECKS
    known_scopes = (
        "business_management",
        "pages_manage_engagement",
        "pages_manage_posts",
        "pages_read_engagement",
        "pages_read_user_content",
        "pages_show_list",
        "public_profile",
        "read_insights",
    )

    def __init__(self, site: Site) -> None:
        self.options: Settings = Settings()
        self.videos: dict[str, VideoUpload] = {}
        super().__init__(site)

    def route_of(self, request: Request) -> tuple[Route[Any] | None, dict[str, str]]:
        """Return the route; the last phase of a video's upload shows it, the one in between is worked on."""
        route, args = super().route_of(request)
        if route is None or request.path.rpartition("/")[2] not in {CHUNKED, *HOSTED}:
            return route, args
        try:
            phase = phase_of({**request.query(), **self.form(request)})
        except UnreadableBody:  # the route itself refuses it
            return route, args
        operation = Operation.PUBLISH if phase == "finish" and request.method == "POST" else route.operation
        return replace(route, operation=operation, can_process=route.can_process and phase == "transfer"), args

    def kept(self) -> dict[str, Any]:
        """Uploads that are not whole end with the process."""
        whole = {video_id: video for video_id, video in self.videos.items() if video.media is not None}
        return {**super().kept(), "videos": whole}

    def post_url(self, post: Post) -> str:
        page, _, number = post.id.partition("_")
        return f"https://www.facebook.com/{page}/posts/{number}" if number else f"https://www.facebook.com/{page}"

    def page_called(self, request: Request, caller: Caller) -> Page:
        """Return the page in the path, which has to be the caller itself. Raises Refused."""
        page_id = request.args["page"]
        if caller.page is None or caller.page.id != page_id:
            raise refused("(#200) You do not have sufficient permissions to perform this action", 200, status=403)
        return caller.page


add_sign_in(ROUTES)
add_batch(ROUTES)


# https://developers.facebook.com/docs/graph-api/reference/user
@endpoint(ROUTES, "GET", "/me", Operation.OTHER)
def who_am_i(_: Facebook, request: Request, caller: Caller) -> dict[str, Any]:
    asked_fields(request, ("id", "name"))
    if caller.page is not None:
        return {"id": caller.page.id, "name": caller.page.name}
    return {"id": caller.person.id, "name": caller.person.name}


# https://developers.facebook.com/docs/graph-api/reference/user/accounts
@endpoint(ROUTES, "GET", "/me/accounts", Operation.OTHER, scopes=("pages_show_list",))
def accounts(server: Facebook, request: Request, caller: Caller) -> dict[str, Any]:
    """Name the pages with a token for each, a few at a time."""
    query = request.query()
    pages = [page for page in server.pages_of(caller.person) if page.name not in server.options.unticked_pages]
    asked_fields(request, ACCOUNT_FIELDS)
    grant = server.site.tokens[server.access_token(request)].grant
    start = int(query.get("after") or 0)
    size = min(int(query.get("limit") or 25), server.options.accounts_per_page)
    shown = [
        {
            "id": page.id,
            "name": page.name,
            "access_token": server.page_token(page, grant, request.at_ms),
            "category": "Community",
            "tasks": ["ANALYZE"] if page.name in server.options.read_only_pages else TASKS,
            "link": f"https://www.facebook.com/{page.id}",
            "picture": {"data": {"url": f"{server.site.url}/pictures/{page.id}.png"}},
        }
        for page in pages[start : start + size]
    ]
    paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(start + size)}}
    if start + size < len(pages):
        paging["next"] = f"{server.site.url}/v26.0/me/accounts?after={start + size}"
    return {"data": shown, "paging": paging}
