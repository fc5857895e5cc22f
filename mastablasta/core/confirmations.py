"""What somebody looked at before they confirm it: their browser keeps it, signed, so that just that is done.

Nothing is stored meanwhile, and whichever host answers can read it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core import signing

HELD_FOR = timedelta(hours=1)


def signed(content: Any, *, kind: str, person_id: Any) -> str:
    """`content` (as JSON has it) as text for a form of this person; `kind` says which form."""
    return signing.dumps(content, salt=_salt(kind, person_id), compress=True)


def looked_at(text: str, *, kind: str, person_id: Any) -> Any | None:
    """The content of such a text; None when it is of another form or person, was changed, or is older than HELD_FOR."""
    try:
        return signing.loads(text, salt=_salt(kind, person_id), max_age=HELD_FOR)
    except signing.BadSignature:
        return None


def _salt(kind: str, person_id: Any) -> str:
    return f"{kind}.{person_id}"
