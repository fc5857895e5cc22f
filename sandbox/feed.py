"""GET /: what the simulated world can read, for people."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from itertools import islice
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.clock import rfc3339
from sandbox.platform import Platform
from sandbox.records import Media, Post
from sandbox.world import World

POSTS_A_PAGE = 100
TITLE = "The simulated world: what MastaBlasta has published"
RANGE = re.compile(r"bytes=([0-9]{1,12})-([0-9]{0,12})")
STYLE = Path(__file__).with_name("static") / "sandbox.css"
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def page(title: str, body: str) -> str:
    """Return a whole HTML page of the simulator; `body` is HTML, `title` is text."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>"
        '<link rel="stylesheet" href="/_static/sandbox.css"></head>'
        f"<body>{body}</body></html>"
    )


def feed_routes(world: World) -> list[Route]:
    feed = Feed(world)
    return [
        Route("/", feed.show, methods=["GET"]),
        Route("/_static/sandbox.css", style, methods=["GET"]),
        Route("/favicon.ico", no_icon, methods=["GET"]),
        Route("/_media/{site}/{media_id}", feed.show_file, methods=["GET"]),
    ]


async def style(_: Request) -> Response:
    return Response(STYLE.read_bytes(), media_type="text/css")


async def no_icon(_: Request) -> Response:
    return Response(status_code=204)


class Feed:
    def __init__(self, world: World) -> None:
        self.world = world

    async def show(self, request: Request) -> Response:
        """The newest 100 posts, newest first; `?before=` goes back from there, `?platform=` picks one."""
        before = request.query_params.get("before", "")
        platform = request.query_params.get("platform") or None
        posts = list(islice(self._posts(platform, int(before) if before.isdecimal() else None), POSTS_A_PAGE))
        return Response(page(TITLE, self._body(posts, platform)), headers=PAGE_HEADERS, media_type="text/html")

    async def show_file(self, request: Request) -> Response:
        site, media_id = request.path_params["site"], request.path_params["media_id"]
        platform = self.world.sites.get(site)
        media = platform.site.media.get(media_id) if platform else None
        data = self.world.files.find(site, media_id)
        if media is None or data is None:
            raise HTTPException(404, "this file is not kept any more")
        headers = {"X-Content-Type-Options": "nosniff", "Accept-Ranges": "bytes"}
        wanted = part_of(request.headers.get("range", ""), len(data))
        if wanted is None:
            return Response(data, headers=headers, media_type=media.mime_type)
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{len(data)}"
        return Response(data[wanted], status_code=206, headers=headers, media_type=media.mime_type)

    def _posts(self, slug: str | None, before: int | None) -> Iterable[Post]:
        for post in reversed(self.world.posts.values()):
            if slug in (None, post.slug) and (before is None or post.number < before):
                yield post

    def _body(self, posts: list[Post], platform: str | None) -> str:
        choices = "".join(
            f'<a href="/?platform={slug}"{current(slug == platform)}>{escape(known.label)}</a>'
            for slug, known in self.world.platforms.items()
        )
        articles = "".join(article(post, self.world.sites[post.site]) for post in posts)
        return (
            f'<header><h1>{TITLE}</h1><nav><a href="/"{current(platform is None)}>All</a>{choices}'
            "</nav></header>"
            f"<main>{articles or EMPTY}</main>{self._older(posts, platform)}"
        )

    def _older(self, posts: list[Post], platform: str | None) -> str:
        if len(posts) < POSTS_A_PAGE:
            return ""
        chosen = f"&amp;platform={escape(platform)}" if platform else ""
        return f'<footer><a href="/?before={posts[-1].number}{chosen}">Older posts</a></footer>'


def part_of(asked: str, size: int) -> slice | None:
    """Return the part that a Range header names, as players ask for it to jump; None = the whole file."""
    found = RANGE.fullmatch(asked)
    if found is None or int(found[1]) >= size:
        return None
    return slice(int(found[1]), min(int(found[2] or size) + 1, size))


EMPTY = '<p class="empty">Nothing has been published yet.</p>'


def current(is_current: bool) -> str:
    return ' aria-current="page"' if is_current else ""


def article(post: Post, platform: Platform) -> str:
    """Return one post as HTML, everything in it escaped."""
    at = rfc3339(post.created_ms)
    marks = [platform.label if post.site == post.slug else post.site]
    if post.visibility != "public":
        marks.append(post.visibility)
    return (
        f'<article id="post-{post.number}"><header><strong>{escape(post.person.name)}</strong>'
        f' <span class="handle">@{escape(post.person.handle)}</span>'
        f'<span class="marks">{"".join(f"<span>{escape(mark)}</span>" for mark in marks)}</span></header>'
        f"{reply_line(post, platform)}{warning(post)}"
        f'<p class="text" dir="auto">{escape(post.text)}</p>'
        f"{pictures(post, platform.world)}"
        f'<footer><a href="{escape(platform.post_url(post))}"><time datetime="{at}">{readable(at)}</time></a>'
        "</footer></article>"
    )


def readable(at: str) -> str:
    return f"{at[:10]} {at[11:19]} UTC"


def reply_line(post: Post, platform: Platform) -> str:
    if post.reply_to is None:
        return ""
    parent = platform.site.posts.get(post.reply_to)
    if parent is None:
        return '<p class="reply">↳ in reply to a post that is gone</p>'
    link = f'<a href="#post-{parent.number}">@{escape(parent.person.handle)}</a>'
    return f'<p class="reply">↳ in reply to {link}</p>'


def warning(post: Post) -> str:
    return f'<p class="warning">{escape(post.spoiler_text)}</p>' if post.spoiler_text else ""


def pictures(post: Post, world: World) -> str:
    """Return its files; those of a post that hides them are there at a click."""
    if not post.media:
        return ""
    shown = f'<div class="media">{"".join(picture(item, post.site, world) for item in post.media)}</div>'
    return f"<details><summary>Sensitive media</summary>{shown}</details>" if post.is_sensitive else shown


def picture(item: Media, site: str, world: World) -> str:
    """Return one file with its alt text, which is there for eyes too."""
    source, alt = f"/_media/{escape(site)}/{escape(item.id)}", escape(item.alt_text or "")
    kind = item.mime_type.partition("/")[0]
    if world.files.find(site, item.id) is None:
        shown = f'<p class="gone">{escape(item.mime_type)}, {item.size:,} bytes, not kept any more</p>'
    elif kind == "image":
        size = f' width="{item.width}" height="{item.height}"' if item.width and item.height else ""
        shown = f'<img src="{source}" alt="{alt}"{size} loading="lazy">'
    elif kind == "application":
        shown = f'<p><a href="{source}" download>{escape(item.mime_type)}, {item.size:,} bytes</a></p>'
    else:
        tag = "audio" if kind == "audio" else "video"
        shown = f'<{tag} src="{source}" aria-label="{alt}" controls preload="metadata"></{tag}>'
    words = alt or '<span class="none">no alt text</span>'
    return f'<figure>{shown}<figcaption aria-hidden="true" dir="auto">{words}</figcaption></figure>'
