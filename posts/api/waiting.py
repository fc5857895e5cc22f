"""`Prefer: wait=N` (RFC 7240): answer once every delivery has settled, or when N seconds are over.

A thread that waits holds no transaction and no database connection between its looks. At most a quarter of a
process's threads wait; whoever comes beyond that is answered at once.
"""

from __future__ import annotations

import re
import threading
import time
from typing import Any

from django.conf import settings
from django.db import connection
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from posts.api.answers import DeliverySerializer, PublishedSerializer
from posts.api.presenting import present_post, waiting_for
from posts.models import Post
from posts.states import ENDED, PostStatus

LONGEST_S = 30
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.5
SETTLED = {"published", "failed", "unconfirmed", "cancelled"}
STUCK = {"account", "platform", "person"}  # nothing happens until somebody acts: no use in waiting on
COLUMNS = (
    "state",
    "error_kind",
    "account__state",
    "account__platform_host__paused_at",
    "account__platform_host__circuit_opened_at",
)
MESSAGES = {
    PostStatus.PUBLISHED: "The post is published.",
    PostStatus.PARTIALLY_PUBLISHED: "The post is published on some of its accounts; see results.",
    PostStatus.UNCONFIRMED: "Nobody can say whether the post is out everywhere; see results.",
    PostStatus.FAILED: "The post could not be published; see results.",
    PostStatus.CANCELLED: "The post was cancelled.",
}
ON_ITS_WAY = "The post is being published."
PREFERENCES = [
    OpenApiParameter(
        "Prefer",
        str,
        OpenApiParameter.HEADER,
        description="`wait=N`: wait up to N seconds (1 to 30) for the outcome of publishing.",
    ),
    OpenApiParameter(
        "Preference-Applied",
        str,
        OpenApiParameter.HEADER,
        response=[200, 201, 202],
        description="`wait` when the request has waited.",
    ),
]

_slots = threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 4))
_PREFERENCE = re.compile(r"""\s*([^\s=;,"]+)\s*(?:=\s*("[^"]*"|[^\s;,"]*)\s*)?(?:;(?:[^,"]|"[^"]*")*)?(?:,|$)""")


class OutcomeSerializer(PublishedSerializer):
    """The answer to a request to publish; `results` when it prefers to wait."""

    results = serializers.DictField(
        child=DeliverySerializer(many=True), required=False, help_text="Deliveries by platform, with Prefer: wait."
    )


def asked_wait_s(request: Request) -> int:
    """How many seconds the request prefers to wait, at most 30; 0 = not at all. What is malformed is ignored."""
    for name, value in _PREFERENCE.findall(request.headers.get("Prefer", "")):
        if name.lower() == "wait":  # of several the first counts
            digits = value.strip('"')
            is_number = digits.isascii() and digits.isdigit()
            return min(int(digits[:9]), LONGEST_S) if is_number else 0
    return 0


def wait_for_outcome(request: Request, post: Post) -> bool:
    """Wait as the request prefers; whether it did. `post` is as it stands then."""
    seconds = asked_wait_s(request)
    if not seconds or connection.in_atomic_block or not _slots.acquire(blocking=False):
        return False
    try:
        _watch(post, ends_at=time.monotonic() + seconds)
    finally:
        _slots.release()
    post.refresh_from_db()
    return True


def told(answer: Response, *, waited: bool) -> Response:
    """The answer, which says so when the request has waited."""
    if waited:
        answer["Preference-Applied"] = "wait"
    return answer


def publishing_answer(request: Request, post: Post) -> Response:
    """202 `{post, message}`; with a preference to wait also `results`, and 200 once every delivery has settled.

    What waits for an account, a platform or a person is not settled, and ends the waiting: 202.
    """
    waited = wait_for_outcome(request, post)
    shown = present_post(post)
    answer = {"post": shown, "message": ON_ITS_WAY}
    if not asked_wait_s(request):
        return Response(answer, status=202)
    results: dict[str, list[dict[str, Any]]] = {}
    for delivery in shown["deliveries"]:
        results.setdefault(delivery["platform"], []).append(delivery)
    is_settled = all(delivery["status"] in SETTLED for delivery in shown["deliveries"])
    if is_settled:
        answer["message"] = MESSAGES.get(post.status, ON_ITS_WAY)  # type: ignore[call-overload]  # text, also at rest
    return told(Response({**answer, "results": results}, status=200 if is_settled else 202), waited=waited)


def _watch(post: Post, *, ends_at: float) -> None:
    """Return when nothing of the post moves any more, or at `ends_at` (monotonic seconds)."""
    pause_s = SHORTEST_PAUSE_S
    while True:
        rows = list(post.deliveries.values(*COLUMNS))
        connection.close()  # back to the pool
        if all(row["state"] in ENDED or waiting_for(row) in STUCK for row in rows):
            return
        left_s = ends_at - time.monotonic()
        if left_s <= 0:
            return
        time.sleep(min(pause_s, left_s))
        pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)
