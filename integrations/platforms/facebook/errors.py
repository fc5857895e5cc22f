"""What Facebook's refusals mean."""

from __future__ import annotations

from integrations.errors import CallFailed
from integrations.protocols import graph
from mastablasta.core.outbound import Response

TABLE = graph.error_table("Facebook")


def error_from(answer: Response) -> CallFailed:
    """What to raise for an answer other than 2xx."""
    return graph.error_from(TABLE, answer)
