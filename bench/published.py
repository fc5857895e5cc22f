"""Posts that are out at the simulator, and their rows here as publishing would leave them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

Out = tuple[Any, str, datetime]
"""A SocialAccount, the remote id of its post, and when that came out."""


def post_statuses(url: str, path: str, token: str, bodies: Sequence[dict[str, str]]) -> list[str]:
    """Post these with one token over one session; their ids."""
    at = urlsplit(url)
    line = http.client.HTTPConnection(at.hostname or "", at.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    ids = []
    for body in bodies:
        line.request("POST", at.path + path, json.dumps(body), headers)
        answer = line.getresponse()
        said = json.loads(answer.read())
        if answer.status not in {200, 201}:
            raise RuntimeError(f"the simulator answered {answer.status}")
        ids.append(str(said.get("data", said)["id"]))
    line.close()
    return ids


def make_rows(out: Sequence[Out]) -> list[Any]:
    """Published deliveries, each with a post of its own."""
    from posts.models import Delivery, Post
    from posts.states import DeliveryState, PostStatus

    posts = Post.objects.bulk_create(
        [
            Post(workspace_id=account.workspace_id, content="Bench", status=PostStatus.PUBLISHED, published_at=at)
            for account, _, at in out
        ],
        batch_size=1000,
    )
    return Delivery.objects.bulk_create(
        [
            Delivery(
                post=post,
                workspace_id=account.workspace_id,
                account=account,
                platform=account.platform,
                state=DeliveryState.PUBLISHED,
                due_at=at,
                published_at=at,
                remote_id=remote_id,
                parts=[{"remote_id": remote_id, "url": "", "facts": {}}],
                parts_done=1,
            )
            for post, (account, remote_id, at) in zip(posts, out, strict=True)
        ],
        batch_size=1000,
    )
