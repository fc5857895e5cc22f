"""A part that may be out although its platform did not show it, and what a refusal of it as a duplicate says then.

What was looked for and not found may be sent again; that is noted, with the time since which it may be out after all.
Where the platform then refuses it as a duplicate, it has the first one and does not show it yet: nothing is sent again,
and from there on an absence is not believed.
"""

from __future__ import annotations

from datetime import datetime

from integrations.contract import Absent, Progress
from integrations.errors import CallFailed, OutcomeUnknown, Unavailable

MAYBE_OUT_SINCE = "maybe_out_since"
REFUSED_AS_DUPLICATE = "refused_as_duplicate"


def maybe_out_since(progress: Progress, since: datetime) -> datetime:
    """Since when the part may be out: `since`, or earlier where an earlier look-up has noted it."""
    noted = progress.data.get(MAYBE_OUT_SINCE)
    return min(since, datetime.fromisoformat(noted)) if noted else since


def note_maybe_out(progress: Progress, since: datetime) -> None:
    """Note, once, that the part may be out since then although it was not found."""
    if MAYBE_OUT_SINCE not in progress.data:
        progress.save(**{MAYBE_OUT_SINCE: since.isoformat()})


def may_be_out(progress: Progress) -> bool:
    """Whether an earlier look-up has noted that the part may be out."""
    return MAYBE_OUT_SINCE in progress.data


def absent(progress: Progress, since: datetime, *, label: str) -> Absent:
    """Note that the part may be out since then although it is absent, and return that it is.

    Raises Unavailable where it was refused as a duplicate.
    """
    if progress.data.get(REFUSED_AS_DUPLICATE):
        raise Unavailable(f"{label} has this post already, but does not show it yet.", code="not_shown_yet")
    note_maybe_out(progress, since)
    return Absent()


def in_doubt(refusal: CallFailed, progress: Progress, *, said: str, code: str = "") -> CallFailed:
    """What the refusal of a duplicate means: itself, or that the part is to be looked for where it may be ours.

    `said`: what the platform does, as a sentence without its full stop. `code`: that of the refusal if left out.
    """
    if not may_be_out(progress):
        return refusal
    progress.save(**{REFUSED_AS_DUPLICATE: True})
    sentence = f"{said}: what was sent before seems to have got through."
    return OutcomeUnknown(sentence, code=code or refusal.code, http_status=refusal.http_status)
