"""Mastodon's entities as JSON values.

Sources: https://docs.joinmastodon.org/entities/ (read 2026-11-23).
"""

from __future__ import annotations

from html import escape
from typing import Any

from sandbox.clock import rfc3339
from sandbox.platforms.mastodon.settings import Settings
from sandbox.records import App, Media, Person, Post
from sandbox.world import Site


# https://docs.joinmastodon.org/entities/Account/
def account(person: Person, site: Site) -> dict[str, Any]:
    url = f"{site.url}/@{person.handle}"
    avatar, header = f"{site.url}/avatars/original/missing.png", f"{site.url}/headers/original/missing.png"
    return {
        "id": person.id,
        "username": person.handle,
        "acct": person.handle,
        "display_name": person.name,
        "locked": False,
        "bot": False,
        "discoverable": True,
        "indexable": False,
        "group": False,
        "created_at": rfc3339(person.created_ms)[:11] + "00:00:00.000Z",
        "note": "",
        "url": url,
        "uri": f"{site.url}/users/{person.handle}",
        "avatar": avatar,
        "avatar_static": avatar,
        "header": header,
        "header_static": header,
        "followers_count": person.followers,
        "following_count": person.following,
        "statuses_count": len(person.posts),
        "last_status_at": rfc3339(person.posts[-1].created_ms)[:10] if person.posts else None,
        "hide_collections": None,
        "noindex": False,
        "emojis": [],
        "roles": [],
        "fields": [],
    }


# https://docs.joinmastodon.org/entities/Account/#CredentialAccount
def credential_account(person: Person, site: Site) -> dict[str, Any]:
    return {
        **account(person, site),
        "source": {
            "privacy": "public",
            "sensitive": False,
            "language": "en",
            "note": "",
            "fields": [],
            "follow_requests_count": 0,
            "hide_collections": None,
            "discoverable": True,
            "indexable": False,
            "attribution_domains": [],
            "quote_policy": "public",
        },
        "role": {"id": "-99", "name": "", "permissions": "65536", "color": "", "highlighted": False},
    }


# https://docs.joinmastodon.org/entities/Status/
def status(post: Post, site: Site) -> dict[str, Any]:
    counters = post.metrics or {}
    parent = site.posts.get(post.reply_to) if post.reply_to else None
    return {
        "id": post.id,
        "created_at": rfc3339(post.created_ms),
        "in_reply_to_id": post.reply_to,
        "in_reply_to_account_id": parent.person.id if parent else None,
        "sensitive": post.is_sensitive,
        "spoiler_text": post.spoiler_text,
        "visibility": post.visibility,
        "language": post.language,
        "uri": f"{site.url}/users/{post.person.handle}/statuses/{post.id}",
        "url": status_url(post, site),
        "replies_count": counters.get("comments", post.replies),
        "reblogs_count": counters.get("shares", 0),
        "favourites_count": counters.get("likes", 0),
        "quotes_count": counters.get("quotes", 0),
        "edited_at": None,
        "favourited": False,
        "reblogged": False,
        "muted": False,
        "bookmarked": False,
        "pinned": False,
        "content": content_of(post, site),
        "filtered": [],
        "reblog": None,
        "application": {"name": post.app.name, "website": post.app.website} if post.app else None,
        "account": account(post.person, site),
        "media_attachments": [attachment(item, site, post.created_ms) for item in post.media],
        "mentions": [],
        "tags": [],
        "emojis": [],
        "card": None,
        "poll": poll(post),
        "quote": quote(post, site),
    }


# https://docs.joinmastodon.org/entities/Quote/
def quote(post: Post, site: Site) -> dict[str, Any] | None:
    quoted = site.posts.get((post.extra or {}).get("quoted", ""))
    if quoted is None:
        return {"state": "deleted", "quoted_status": None} if (post.extra or {}).get("quoted") else None
    return {"state": "accepted", "quoted_status": {**status(quoted, site), "quote": None}}


def content_of(post: Post, site: Site) -> str:
    """Return the text as HTML, with the link to what it quotes in front."""
    quoted = site.posts.get((post.extra or {}).get("quoted", ""))
    if quoted is None:
        return content(post.text)
    url = status_url(quoted, site)
    return f'<p class="quote-inline">RE: <a href="{url}">{url}</a></p>{content(post.text)}'


# https://docs.joinmastodon.org/entities/Poll/
def poll(post: Post) -> dict[str, Any] | None:
    asked = (post.extra or {}).get("poll")
    if asked is None:
        return None
    counted = None if asked["hide_totals"] else 0
    return {
        "id": asked["id"],
        "expires_at": rfc3339(post.created_ms + asked["expires_in"] * 1000),
        "expired": False,
        "multiple": asked["multiple"],
        "votes_count": 0,
        "voters_count": 0,
        "options": [{"title": title, "votes_count": counted} for title in asked["options"]],
        "emojis": [],
        "voted": True,
        "own_votes": [],
    }


def status_url(post: Post, site: Site) -> str:
    return f"{site.url}/@{post.person.handle}/{post.id}"


def content(text: str) -> str:
    """Return the text as the HTML a reader gets: paragraphs at empty lines, breaks at single ones."""
    if not text:
        return ""
    return (
        f"<p>{escape(text, quote=False)}</p>".replace("\r\n", "\n").replace("\n\n", "</p><p>").replace("\n", "<br />")
    )


# https://docs.joinmastodon.org/entities/MediaAttachment/
def attachment(item: Media, site: Site, at_ms: int) -> dict[str, Any]:
    is_ready = at_ms >= item.ready_ms
    url = f"{site.url}/system/media_attachments/files/{item.id}/original"
    return {
        "id": item.id,
        "type": item.kind,
        "url": url if is_ready else None,
        "preview_url": url if is_ready and item.kind != "audio" else None,
        "remote_url": None,
        "preview_remote_url": None,
        "text_url": None,
        "meta": _meta(item),
        "description": item.alt_text,
        "blurhash": "UNI5]aD%xuof~qWBxuof%MRjxuWBRjj[RjWB" if item.kind == "image" and is_ready else None,
    }


def _meta(item: Media) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    if item.focus is not None:
        meta["focus"] = {"x": item.focus[0], "y": item.focus[1]}
    if item.width and item.height:
        size = {
            "width": item.width,
            "height": item.height,
            "size": f"{item.width}x{item.height}",
            "aspect": item.width / item.height,
        }
        meta.update(original=size, small=size)
    return meta


# https://docs.joinmastodon.org/entities/Application/#CredentialApplication
def credential_application(app: App) -> dict[str, Any]:
    return {
        "id": app.id,
        "name": app.name,
        "website": app.website,
        "scopes": list(app.scopes),
        "redirect_uri": "\n".join(app.redirect_uris),
        "redirect_uris": list(app.redirect_uris),
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "client_secret_expires_at": 0,
        "vapid_key": "",
    }


def configuration(settings: Settings) -> dict[str, Any]:
    return {
        "statuses": {
            "max_characters": settings.max_characters,
            "max_media_attachments": settings.max_media_attachments,
            "characters_reserved_per_url": settings.characters_reserved_per_url,
        },
        "media_attachments": {
            "description_limit": settings.description_limit,
            "supported_mime_types": list(settings.supported_mime_types),
            "image_size_limit": settings.image_size_limit,
            "image_matrix_limit": settings.image_matrix_limit,
            "video_size_limit": settings.video_size_limit,
            "video_frame_rate_limit": settings.video_frame_rate_limit,
            "video_matrix_limit": settings.video_matrix_limit,
        },
        "polls": {
            "max_options": settings.poll_max_options,
            "max_characters_per_option": settings.poll_max_characters,
            "min_expiration": settings.poll_min_expiration,
            "max_expiration": settings.poll_max_expiration,
        },
        "accounts": {"max_featured_tags": 10, "max_pinned_statuses": 5},
    }


# https://docs.joinmastodon.org/entities/Instance/
def instance_v2(settings: Settings, site: Site) -> dict[str, Any]:
    picture = f"{site.url}/avatars/original/missing.png"
    return {
        "domain": domain(site),
        "title": settings.title,
        "version": settings.version,
        "source_url": "https://github.com/mastodon/mastodon",
        "description": "",
        "usage": {"users": {"active_month": len(site.people)}},
        "thumbnail": {"url": picture},
        "icon": [],
        "languages": ["en"],
        "configuration": {
            "urls": {"streaming": site.url.replace("http", "ws", 1)},
            **configuration(settings),
            "translation": {"enabled": False},
        },
        "registrations": {"enabled": True, "approval_required": False, "message": None, "url": None},
        "api_versions": {"mastodon": 7},
        "contact": {"email": "staff@sandbox.invalid", "account": None},
        "rules": [],
    }


# https://docs.joinmastodon.org/entities/V1_Instance/
def instance_v1(settings: Settings, site: Site) -> dict[str, Any]:
    return {
        "uri": domain(site),
        "title": settings.title,
        "short_description": "",
        "description": "",
        "email": "staff@sandbox.invalid",
        "version": settings.version,
        "urls": {"streaming_api": site.url.replace("http", "ws", 1)},
        "stats": {"user_count": len(site.people), "status_count": len(site.posts), "domain_count": 1},
        "thumbnail": None,
        "languages": ["en"],
        "registrations": True,
        "approval_required": False,
        "invites_enabled": False,
        "configuration": configuration(settings),
        "contact_account": None,
        "rules": [],
    }


def domain(site: Site) -> str:
    return site.world.origin.partition("://")[2]
