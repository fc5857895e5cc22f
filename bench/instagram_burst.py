"""500 pictures of 100 Instagram accounts, all due at once, to a platform that takes 200 ms a call and works a second.

Containers are made, looked at, and published; Instagram fetches each picture from us. The limit is a plain pool of as
many kept sessions that makes the same calls with the same waits, measured just before; it has no accounts whose posts
go out one after the other. Of three rounds the median by its ratio counts; beside it stands what `publish_burst` says.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bench import bare
from bench.bare_instagram import Job
from bench.figures import percentile, say
from bench.stage import Stage

if TYPE_CHECKING:
    from tests.crowd import Crowd

ACCOUNTS, EACH = 100, 5
LATENCY_MS, PROCESSING_MS = 200, 1000
AHEAD_S = 4.0
ROUNDS = 3


def run() -> None:
    with Stage() as stage:
        from django.conf import settings

        from tests.crowd import Crowd

        stage.world.limits(quotas=False)
        stage.world.instance("instagram", image_processing_ms=PROCESSING_MS, publishing_quota=1_000)
        crowd = Crowd(stage.instance, ("instagram",), ACCOUNTS)
        picture = picture_of(crowd)
        rounds = []
        for number in range(ROUNDS):
            jobs = jobs_for(crowd, picture, text=f"bare {number}")
            stage.world.latency(LATENCY_MS)
            limit = bare.measure(
                f"{stage.world.url}/instagram",
                [json.dumps(job) for job in jobs],
                processes=settings.WORKERS,
                threads=settings.PUBLISH_THREADS,
                module="bench.bare_instagram",
            )
            stage.world.latency(0)
            rounds.append((limit, *burst(stage, crowd)))
        limit, wall_s, late_s = sorted(rounds, key=lambda one: one[0].wall_s / one[1])[ROUNDS // 2]
        ratio = limit.wall_s / wall_s
        say("instagram_burst", wall_s, "s", limit=limit.wall_s, ratio=ratio)
        say("instagram_burst_rate", len(late_s) / wall_s, "posts/s", limit=len(late_s) / limit.wall_s, ratio=ratio)
        say("instagram_burst_p50", percentile(late_s, 0.5), "s")


def picture_of(crowd: Crowd) -> str:
    """Where Instagram fetches the picture of every post."""
    from django.utils import timezone

    from media_library.models import Rendition
    from media_library.services.links import link_to_rendition

    crowd.file_for("instagram")
    picture = Rendition.objects.filter(status="ready", mime_type="image/jpeg")[0]
    return link_to_rendition(picture, at=timezone.now(), lasts=timedelta(hours=2)).url


def jobs_for(crowd: Crowd, picture: str, *, text: str) -> list[Job]:
    """As many as a burst has, for the same accounts, with their tokens."""
    from integrations.models import SocialAccount
    from integrations.protocols.graph import auth_of
    from integrations.services.hosts import app_of

    jobs = []
    accounts = SocialAccount.objects.select_related("platform_host", "credential").in_bulk(crowd.accounts["instagram"])
    for number, account in enumerate([*accounts.values()] * EACH):
        token = str(account.target_token_enc)
        sign: Any = auth_of(token, app_of(account.platform_host)).sign
        jobs.append(
            Job(
                account=account.remote_id,
                token=token,
                proof=sign(token)["appsecret_proof"],
                image_url=picture,
                caption=f"{text} {number}",
            )
        )
    return jobs


def burst(stage: Stage, crowd: Crowd) -> tuple[float, list[float]]:
    """Seconds until the last one is published, and how late each was, sorted."""
    planned = crowd.write(ACCOUNTS * EACH)
    stage.analyze()
    due_at = datetime.now(UTC) + timedelta(seconds=AHEAD_S)
    crowd.move(list(planned.texts), to=due_at)
    stage.world.latency(LATENCY_MS)
    crowd.wait_settled(planned, 300)
    stage.world.latency(0)
    seen = Counter(post["text"] for post in stage.world.posts("instagram") if post["text"].startswith(planned.label))
    assert seen == Counter(text for _, text in planned.texts.values()), "not each is there once"
    arrived = [
        datetime.fromisoformat(call["at"])
        for call in stage.world.requests("instagram")
        if call["operation"] == "publish" and datetime.fromisoformat(call["at"]) >= due_at
    ]
    late_s = sorted((at - due_at).total_seconds() for at in arrived)
    return late_s[-1] + 2 * LATENCY_MS / 1000, late_s
