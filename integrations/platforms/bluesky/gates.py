"""Who may reply to a post and quote it: records of their own, under the post's key.

They are written when the post is out, as the official client does, since the AppView marks a post as gated when a gate
for it comes. Each is written only where there is none, so that one whose answer was lost is written again without harm.
Sources: https://docs.bsky.app/docs/tutorials/thread-gates, and lexicons/app/bsky/feed/threadgate.json and postgate.json
of https://github.com/bluesky-social/atproto (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from integrations.contract import Step
from integrations.errors import Rejected
from integrations.platforms.bluesky.addresses import LIST_ADDRESS, place_of

THREADGATE, POSTGATE = "app.bsky.feed.threadgate", "app.bsky.feed.postgate"
Rules = Mapping[str, Any]


def gates_of(step: Step, *, did_of: Callable[[str], str | None]) -> dict[str, Rules]:
    """What the gates of this part say, by collection: replies are gated at the root, quotes at each part.

    `did_of` says whose handle it is. Raises Rejected for a list of nobody's.
    """
    options, gates = step.content.options, dict[str, Rules]()
    if not step.sent and (allowed := options.get("threadgate")) is not None:
        gates[THREADGATE] = {"allow": [_reply_rule(one, did_of) for one in allowed]}
    if rules := options.get("postgate"):
        gates[POSTGATE] = {"embeddingRules": [{"$type": f"{POSTGATE}#{one}"} for one in rules]}
    return gates


def _reply_rule(rule: str, did_of: Callable[[str], str | None]) -> dict[str, str]:
    whose, key = place_of(rule, LIST_ADDRESS)
    if not key:
        return {"$type": f"{THREADGATE}#{rule}"}
    did = whose if whose.startswith("did:") else did_of(whose)
    if did is None:
        sentence = f"Nobody at Bluesky has the list {rule}; correct post_options.bluesky.threadgate, or leave it out."
        raise Rejected(sentence, code="list_not_found")
    return {"$type": f"{THREADGATE}#listRule", "list": f"at://{did}/app.bsky.graph.list/{key}"}
