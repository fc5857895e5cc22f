"""How many posts an account may still publish: Instagram says it of each account, and documents 50 and 100.

Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/content_publishing_limit
(read 2026-11-23).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from integrations.contract import Target
from integrations.errors import Rejected
from integrations.platforms.instagram.errors import error_from
from integrations.protocols.graph_nodes import path_of
from integrations.protocols.values import count_in, object_in, objects_in
from mastablasta.core.outbound import Http

# The window rolls, and Instagram does not say when the oldest post leaves it: a look in so long costs one call.
LOOK_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Quota:
    used: int
    total: int

    @property
    def left(self) -> int:
        return max(self.total - self.used, 0)


def read_quota(http: Http, target: Target) -> Quota | None:
    """What the account may publish in a day, and how much of it is used; None where Instagram does not tell."""
    path = f"{path_of(target.remote_id)}/content_publishing_limit"
    answer = http.get(path, params={"fields": "quota_usage,config"})
    if not answer.is_ok:
        failure = error_from(answer)
        if isinstance(failure, Rejected):  # the edge is documented for one of the two hosts
            return None
        raise failure
    row = next(iter(objects_in(answer.fields(), "data")), {})
    used, total = count_in(row, "quota_usage"), count_in(object_in(row, "config"), "quota_total")
    return Quota(used, total) if used is not None and total else None
