"""PDF documents: whether one can be opened, and how many pages it has. Runs in a process of its own (process.run).

Nothing of a page is drawn, and no script in it is run: it is read by its table of contents alone.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from media_library.codecs.refusal import Refusal

LAST_BLOCK = 1024  # ISO 32000 lets %%EOF stand anywhere in it
_CUT_OFF = "The PDF breaks off before its end; it is not complete: upload the whole file."
_ENCRYPTED = "The PDF is encrypted, so that nobody could read it where it is published; save it without a password."
_DAMAGED = "The file cannot be read as a PDF; it is damaged: export it again and upload that."


def looked_into(path: Path) -> dict[str, Any]:
    """What inspection.Inspected holds of a PDF; `facts` has its `pages`. Raises Refusal."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LAST_BLOCK))
        if b"%%EOF" not in file.read():
            raise Refusal("damaged", _CUT_OFF)
    pages = _pages(path)
    if pages < 1:
        raise Refusal("damaged", "The PDF has no pages; export it again and upload that.")
    return {"width": 0, "height": 0, "duration_s": None, "is_animated": False, "facts": {"pages": pages}}


def _pages(path: Path) -> int:
    from pypdf import PdfReader  # takes a moment, and most orders do without
    from pypdf.errors import DependencyError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what is odd about a stranger's file is no news of ours
    try:
        with path.open("rb") as file:
            reader = PdfReader(file, strict=False)
            is_encrypted = reader.is_encrypted
            pages = 0 if is_encrypted else len(reader.pages)
    except MemoryError:
        raise Refusal("too_much_to_decode", "Reading the PDF takes too much memory; make it smaller.") from None
    except Exception as error:  # noqa: BLE001  a parser of strangers' bytes stumbles in many ways
        if not isinstance(error, DependencyError):  # which means that it is encrypted in a way of its own
            raise Refusal("damaged", _DAMAGED) from None
        is_encrypted, pages = True, 0
    if is_encrypted:
        raise Refusal("encrypted", _ENCRYPTED)
    return pages
