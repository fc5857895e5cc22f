"""Reading what a scheduled post's options leave out and its platforms would look up, so that people see and change it.

The platform reads it itself where this was not done in time: a wake-up that is lost changes nothing but that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from integrations import registry
from mastablasta.core import jobs
from posts.models import Post
from posts.services.locks import lock_posts
from posts.states import WAITING, PostStatus

TASK = "posts.tasks.read_options"
Options = dict[str, dict[str, Any]]


def require_reading(posts: Iterable[Post], *, at: datetime) -> None:
    """Let the options of these posts be completed that have a while to go; inside the caller's transaction."""
    for post in posts:
        if post.scheduled_at is not None and post.scheduled_at > at and _lacking(post.post_options):
            jobs.enqueue(TASK, post.id)


def read_options(post_id: UUID) -> None:
    """Complete the options of a post that still waits, unless somebody changes it meanwhile; a new version of it.

    Holds no lock and no transaction while pages are read.
    """
    post = Post.objects.kept().filter(id=post_id, status=PostStatus.SCHEDULED).first()
    lacking = _lacking(post.post_options) if post else {}
    read = {slug: registry.connector_class(slug).read_options(options) for slug, options in lacking.items()}
    if post is not None and any(read.values()):
        _store(post, {slug: {**options, **read.get(slug, {})} for slug, options in post.post_options.items()})


def _lacking(options: Mapping[str, Mapping[str, Any]]) -> Options:
    return {
        slug: dict(own)
        for slug, own in options.items()
        if registry.is_built(slug) and registry.connector_class(slug).lacks_options(own)
    }


def _store(before: Post, options: Options) -> None:
    with transaction.atomic():
        found = lock_posts(before.workspace, [before.id]).get(before.id)
        if found is None or found.post.post_options != before.post_options:
            return
        if any(delivery.state not in WAITING for delivery in found.deliveries):
            return
        found.post.post_options, found.post.version = options, found.post.version + 1
        found.post.save(update_fields=["post_options", "version", "updated_at"])
