"""Posts and deliveries as the API shows them: from plain rows, in a fixed number of queries however long the page.

Deliveries, files and tags come in one prepared query, and of a single post that post with them: each of them alone
takes Django longer to write than the database to answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import itemgetter
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid5

from django.db.models import BigIntegerField, IntegerField, Model, Q, QuerySet, TextField, UUIDField, Value
from django.db.models.functions import Cast

from mastablasta.core.api.fields import utc_text
from mastablasta.core.api.first_pages import CompiledList, ListOf
from mastablasta.core.compiled_queries import CompiledQuery, IsOneOf
from media_library.api.presenting import present_assets
from posts.models import Attempt, Delivery, Post, PostMedia, PostTag
from posts.services.creation import Made
from posts.services.drafts import tags_of
from posts.services.media import NAMES_MEDIA, Place
from posts.services.post_content import CONTENT_FIELDS, kinds_of_parts
from posts.states import API_STATUS, CLAIMABLE, DeliveryState

DELIVERY_COLUMNS = (
    "id", "post_id", "account_id", "platform", "state", "tries", "visible_calls", "next_attempt_at", "remote_id", "url",
    "parts", "warnings",
    "published_at", "error_code", "error_kind", "error_message", "error_retryable", "account__state",
    "account__platform_host__paused_at", "account__platform_host__circuit_opened_at",
)  # fmt: skip


POST_COLUMNS = (
    "id", *CONTENT_FIELDS, "wanted_platforms", "status", "scheduled_at", "timezone", "published_at", "external_id",
    "author_id", "warnings", "created_at", "updated_at",
)  # fmt: skip


def find_post(id: UUID, workspace: UUID) -> dict[str, Any] | None:
    """A post of this workspace as the API shows it, unless it is deleted; one query."""
    rows = _WHOLE.all(id=id, workspace=workspace)
    found = next((row for row in rows if row[0] is not None), None)
    if found is None:
        return None
    post = SimpleNamespace(**dict(zip(POST_COLUMNS, found, strict=False)))
    parts = _Parts.made_of(row[len(POST_COLUMNS) :] for row in rows if row is not found)
    return _post(post, parts.deliveries[id], parts.tags[id], parts.media[id])


def newest_posts(workspace: UUID) -> ListOf:
    """The posts of a workspace as rows of POST_COLUMNS, the newest first, for pages of them."""
    return _NEWEST.of(workspace=workspace)


def _newest(workspace: Any) -> QuerySet[Post]:
    return Post.objects.in_workspace(workspace).kept().order_by("-created_at", "-id")


_NEWEST = CompiledList(_newest, POST_COLUMNS, workspace=UUID)


def present_posts(posts: Sequence[Any], *, expands_media: bool = False) -> list[dict[str, Any]]:
    """The posts in their order, with what belongs to them: one query, three where files are shown whole.

    `posts` are Posts, or rows that have POST_COLUMNS as attributes.
    """
    ids = [post.id for post in posts]
    parts = _Parts.of(ids)
    if expands_media:
        parts.media = _expanded_media(ids)
    return [_post(post, parts.deliveries[post.id], parts.tags[post.id], parts.media[post.id]) for post in posts]


Media = dict[UUID, dict[Place, list[Any]]]


@dataclass(slots=True)
class _Parts:
    """What belongs to posts, by their ids: rows of DELIVERY_COLUMNS, the names of tags, files as they are shown."""

    deliveries: dict[UUID, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    tags: dict[UUID, list[str]] = field(default_factory=lambda: defaultdict(list))
    media: Media = field(default_factory=lambda: _no_media())

    @classmethod
    def of(cls, posts: Sequence[UUID]) -> _Parts:
        """One query, none without posts."""
        return cls.made_of(_PARTS.all(ids=posts) if posts else ())

    @classmethod
    def made_of(cls, rows: Iterable[Sequence[Any]]) -> _Parts:
        """Of rows of `_rows_of_parts`, in any order."""
        found = cls()
        tags, media = [], []
        for row in rows:
            post_id = row[1]
            name, number, place, asset_id, *own = row[len(DELIVERY_COLUMNS) :]
            if row[0] is not None:
                found.deliveries[post_id].append(dict(zip(DELIVERY_COLUMNS, row, strict=False)))
            elif asset_id is not None:
                media.append((place, post_id, (name, number), _use(asset_id, *own)))
            else:
                tags.append((place, post_id, name))
        for of_post in found.deliveries.values():
            of_post.sort(key=lambda row: (row["platform"], row["id"]))
        for _, post_id, scope_and_part, shown in sorted(media, key=itemgetter(0)):
            found.media[post_id][scope_and_part].append(shown)
        for _, post_id, name in sorted(tags):
            found.tags[post_id].append(name)
        return found


def _no_media() -> Media:
    return defaultdict(lambda: defaultdict(list))


_NOTHING = Value(None, output_field=TextField())


def _rows_of_parts(those: Any, before: Sequence[Any] = ()) -> list[QuerySet[Any, Any]]:
    """Three kinds of rows, each NULL where the others are not: deliveries, files and tags of posts as `those` says.

    They are parts of a union: PostgreSQL takes the types of its first two, Django those of the first. `before`: columns
    that come first.
    """
    no_id = Value(None, output_field=UUIDField())
    missing = [*before, _NOTHING]
    no_delivery = [_NOTHING] * (len(DELIVERY_COLUMNS) - 2)
    own = ("alt_text", "fit", "role")
    no_own = [_NOTHING] * len(own)
    deliveries = Delivery.objects.filter(those).order_by()
    media = PostMedia.objects.filter(those).order_by()
    tags = PostTag.objects.filter(those).order_by()
    return [
        deliveries.values_list(*before, *DELIVERY_COLUMNS, _NOTHING, _NOTHING, _NOTHING, no_id, *no_own),
        media.values_list(*missing, "post_id", *no_delivery, "scope", "part", "position", "asset_id", *own),
        tags.values_list(*missing, "post_id", *no_delivery, "name", _NOTHING, "id", _NOTHING, *no_own),
    ]


def _parts_query(ids: Any) -> QuerySet[Any, Any]:
    first, *others = _rows_of_parts(IsOneOf("post", ids))
    return first.union(*others, all=True)


def _whole_query(id: UUID, workspace: Any) -> QuerySet[Any, Any]:
    """The post, and behind its columns those of `_rows_of_parts`, whose types it has to name."""
    of_use = (TextField(), IntegerField(), BigIntegerField(), UUIDField(), TextField(), TextField(), TextField())
    of_part = [*(_field(Delivery, name) for name in DELIVERY_COLUMNS), *of_use]
    posts = Post.objects.in_workspace(workspace).kept().filter(id=id).order_by()
    parts = _rows_of_parts(Q(post=id), [_NOTHING] * len(POST_COLUMNS))
    return posts.values_list(*POST_COLUMNS, *(Cast(Value(None), field) for field in of_part)).union(*parts, all=True)


def _field(model: type[Model], path: str) -> Any:
    """The field of a column, of tables joined to it too; of a reference that of what it refers to."""
    *joined, name = path.split("__")
    for one in joined:
        model = cast(Any, model._meta.get_field(one)).related_model
    field: Any = model._meta.get_field(name)
    return field.target_field if field.is_relation else field


_PARTS = CompiledQuery(_parts_query, ids=list)
_WHOLE = CompiledQuery(_whole_query, id=UUID, workspace=UUID)


def present_made(made: Made) -> dict[str, Any]:
    """A post that was made a moment ago, from what it was made of; no query."""
    rows = [{column: _value(delivery, column) for column in DELIVERY_COLUMNS} for delivery in made.deliveries]
    media = {
        place: [_use(one.asset_id, one.alt_text, one.fit, one.role) for one in chosen]
        for place, chosen in made.draft.media.items()
    }
    return _post(made.post, rows, [tag.name for tag in tags_of(made.post, made.draft.tags)], media)


def _value(delivery: Delivery, column: str) -> Any:
    """The value of a column, of tables joined to it too."""
    return reduce(getattr, column.split("__"), delivery)


def present_post(post: Any, *, expands_media: bool = False) -> dict[str, Any]:
    return present_posts([post], expands_media=expands_media)[0]


def _expanded_media(posts: Sequence[UUID]) -> Media:
    """The files of posts as GET /media shows them, with what this use of each has for itself."""
    rows = PostMedia.objects.filter(post__in=posts).order_by("post", "scope", "part", "position")
    found = list(rows.select_related("asset"))
    media = _no_media()
    for row, file in zip(found, present_assets([row.asset for row in found]), strict=True):
        shown = {**file, "fit": row.fit, "role": row.role}
        if row.asset.deleted_at is not None:
            shown["status"] = "deleted"
        if row.alt_text is not None:
            shown["alt_text"] = row.alt_text
        media[row.post_id][row.scope, row.part].append(shown)
    return media


def _use(asset_id: UUID, alt_text: str | None, fit: str, role: str) -> Any:
    """A file in a post: its id, or an object where this use differs from the file."""
    own = {} if alt_text is None else {"alt_text": alt_text}
    own |= {} if fit == PostMedia.Fit.FIT else {"fit": fit}
    own |= {} if role == PostMedia.Role.CONTENT else {"role": role}
    return {"id": str(asset_id), **own} if own else str(asset_id)


def _thread(texts: Sequence[str], media: Mapping[Place, list[Any]], scope: str) -> list[Any]:
    """The parts as they can be sent back: texts, or objects where a part has files."""
    return [
        {"content": text, "media": media[scope, number]} if media.get((scope, number)) else text
        for number, text in enumerate(texts)
    ]


def _overrides(post: Any, media: Mapping[Place, list[Any]]) -> dict[str, Any]:
    shown = {}
    for key, override in post.overrides.items():
        shown[key] = dict(override)
        if "thread" in override:
            shown[key]["thread"] = _thread(override["thread"], media, key)
        if NAMES_MEDIA in override:
            shown[key]["media"] = list(media.get((key, 0), ()))
    return shown


def _post(
    post: Any, deliveries: Iterable[Mapping[str, Any]], tags: list[str], media: Mapping[Place, list[Any]]
) -> dict[str, Any]:
    fields = {name: getattr(post, name) for name in CONTENT_FIELDS}
    shown = [present_delivery(row, fields) for row in deliveries]
    return {
        "id": str(post.id),
        "content": post.content,
        "platforms": sorted({row["platform"] for row in shown} | set(post.wanted_platforms)),
        "accounts": [row["account_id"] for row in shown],
        "post_type": post.post_type,
        "status": post.status,
        "scheduled_time": _time(post.scheduled_at),
        "timezone": post.timezone,
        "published_at": _time(post.published_at),
        "post_options": post.post_options,
        "overrides": _overrides(post, media),
        "thread": _thread(post.thread, media, ""),
        "media": list(media.get(("", 0), ())),
        "first_comment": post.first_comment,
        "tags": tags,
        "external_id": post.external_id,
        "author": str(post.author_id) if post.author_id else None,
        "deliveries": shown,
        "warnings": post.warnings,
        "created_at": _time(post.created_at),
        "updated_at": _time(post.updated_at),
    }


def present_delivery(row: Mapping[str, Any], post: Mapping[str, Any]) -> dict[str, Any]:
    """One delivery; `row` has DELIVERY_COLUMNS, `post` the CONTENT_FIELDS of its post."""
    error = None
    if row["error_code"]:
        error = {
            "code": row["error_code"],
            "kind": row["error_kind"],
            "message": row["error_message"],
            "retryable": row["error_retryable"],
        }
    return {
        "id": str(row["id"]),
        "account_id": str(row["account_id"]),
        "platform": row["platform"],
        "status": API_STATUS[row["state"]],
        "waiting_for": waiting_for(row),
        "attempts": row["visible_calls"],
        "next_attempt_at": _time(row["next_attempt_at"]) if row["state"] in CLAIMABLE else None,
        "platform_post_id": row["remote_id"] or None,
        "url": row["url"] or None,
        "parts": _parts(row, post, error),
        "error": error,
        "warnings": row["warnings"],
        "published_at": _time(row["published_at"]),
    }


def _parts(row: Mapping[str, Any], post: Mapping[str, Any], error: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Each visible post: what is out by its name, the one under work as the delivery stands, the rest waiting."""
    kinds = kinds_of_parts(post, platform=row["platform"], account_id=row["account_id"])
    out = row["parts"] or ([{"remote_id": row["remote_id"], "url": row["url"]}] if row["url"] else [])
    shown = []
    for index, kind in enumerate(kinds):
        is_next = index == len(out)
        status = "published" if index < len(out) else API_STATUS[row["state"]] if is_next else "pending"
        if is_next and out and status == "published":  # all that matters is out; this comment could not be made
            status = "failed"
        shown.append(
            {
                "index": index,
                "kind": kind,
                "status": status,
                "platform_post_id": (out[index]["remote_id"] or None) if index < len(out) else None,
                "url": (out[index]["url"] or None) if index < len(out) else None,
                "error": error if is_next else None,
            }
        )
    return shown


def waiting_for(row: Mapping[str, Any]) -> str | None:
    """What a delivery that is neither out nor given up waits for: retry, rate_limit, account, platform, person."""
    state = row["state"]
    if state in {DeliveryState.HELD, DeliveryState.UNCONFIRMED}:
        return "person"
    if state not in {DeliveryState.QUEUED, DeliveryState.BLOCKED}:
        return None
    host = ("account__platform_host__paused_at", "account__platform_host__circuit_opened_at")
    if any(row[name] is not None for name in host):
        return "platform"
    if row["account__state"] != "active" or state == DeliveryState.BLOCKED:
        return "account"
    if row["error_kind"] == "rate_limited":
        return "rate_limit"
    return "retry" if row["error_kind"] else None


def present_attempt(attempt: Attempt) -> dict[str, Any]:
    error = {"code": attempt.code, "message": attempt.message} if attempt.code or attempt.message else None
    return {
        "id": str(uuid5(attempt.delivery_id, str(attempt.number))),  # the row's own counts over all workspaces
        "delivery_id": str(attempt.delivery_id),
        "account_id": str(attempt.delivery.account_id),
        "platform": attempt.delivery.platform,
        "number": attempt.number,
        "kind": attempt.kind,
        "started_at": _time(attempt.started_at),
        "sent_at": _time(attempt.sent_at),
        "ended_at": _time(attempt.ended_at),
        "outcome": attempt.outcome,
        "http_status": attempt.http_status,
        "error": error,
        "retry_at": _time(attempt.retry_at),
    }


def _time(moment: Any) -> str | None:
    return None if moment is None else utc_text(moment)
