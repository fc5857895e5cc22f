"""A made-up language, in which all that is looked up stands in ⟦ ⟧; and what else a page says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import models
from django.utils.translation import trans_real

from integrations import registry
from mastablasta.core.fields import EncryptedTextField

SHOWN = ("title", "aria-label", "placeholder", "alt", "data-name", "data-failed")  # attributes that people read or hear
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
SILENT = ("script", "style", "textarea", "code", "kbd")  # code, keys, and what somebody wrote
# Names, and what Django's own pages say without looking it up.
NAMES = ("MastaBlasta", "UTC", "True", "False", "None", "Search", "json", "csv")
NO_DATA = (Permission, ContentType, Session)
_WORD = re.compile(r"[^\W\d_]{2,}")
_NO_WORDS = re.compile(
    r"https?://\S+|[\w.-]+\.[a-z]{2,}/\S*|\S+@\S+|@\S+|/api/\S+|\b[0-9a-f]{8}[0-9a-f-]*\b|\d{4}-\d\d-\d\d[T ]?[\d:.+]*"
)


class MadeUp:
    """As a translation of Django's."""

    def gettext(self, text: str) -> str:
        return f"⟦{text.rpartition(chr(4))[2]}⟧"  # what stands before is where it is said

    def ngettext(self, one: str, many: str, count: int) -> str:
        return self.gettext(one if count == 1 else many)

    def to_language(self) -> str:
        return "en"


@contextmanager
def made_up_language() -> Iterator[None]:
    """What is looked up in the block is found in the made-up language."""
    before = getattr(trans_real._active, "value", None)
    trans_real._active.value = MadeUp()
    try:
        yield
    finally:
        if before is None:
            del trans_real._active.value
        else:
            trans_real._active.value = before


def data() -> re.Pattern[str]:
    """What the database holds now, which nobody translates: all texts but choices, and what rows call themselves."""
    found = {*NAMES, *registry.PLATFORMS, *(entry.label for entry in registry.PLATFORMS.values())}
    found |= {one.name for entry in registry.PLATFORMS.values() for one in entry.sign_ins}
    for model in apps.get_models():
        if model in NO_DATA or not model._meta.managed:
            continue
        fields = [one for one in model._meta.concrete_fields if _is_text(one)]
        hidden = [one.name for one in model._meta.concrete_fields if isinstance(one, EncryptedTextField)]
        for row in model._default_manager.defer(*hidden):
            found.add(str(row))
            for field in fields:
                found |= set(_texts(field.value_from_object(row)))
    whole = sorted((re.escape(" ".join(text.split())) for text in found if _WORD.search(text)), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(whole)})(?!\w)")


def _is_text(field: Any) -> bool:
    is_text = isinstance(field, models.CharField | models.TextField | models.JSONField | models.FileField)
    return is_text and not field.choices and not isinstance(field, EncryptedTextField)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def not_looked_up(page: str, known: re.Pattern[str]) -> list[str]:
    """The texts of a page in the made-up language, with what is shown of attributes, that are neither looked up nor
    data (`known`). What stands in an element with `lang="en"` is what the API says, which speaks English."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return list(dict.fromkeys(text for text, bare in reader.texts if _has_words(bare, known)))


def _has_words(bare: str, known: re.Pattern[str]) -> bool:
    if not _WORD.search(bare):
        return False
    left = _NO_WORDS.sub(" ", known.sub(" ", " ".join(bare.split())))
    return _WORD.search(left) is not None


def _outside(text: str, depth: int = 0) -> tuple[str, int]:
    """What of the text stands in no brackets, where it begins within `depth` of them, and within how many it ends."""
    left = []
    for part in re.split(r"([⟦⟧])", text):
        depth = max(depth + (part == "⟦") - (part == "⟧"), 0)
        if depth == 0 and part != "⟧":
            left.append(part)
    return " ".join(left), depth


class _Reader(HTMLParser):
    """Collects the texts of a page, each with what of it stands in no brackets."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[tuple[str, str]] = []
        self.open: list[tuple[str, bool, int]] = []  # each with whether it is left out, and in how many brackets it is
        self.depth = 0  # a sentence may have elements in it

    @property
    def is_left_out(self) -> bool:
        return bool(self.open) and self.open[-1][1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        is_left_out = self.is_left_out or tag in SILENT or (tag != "html" and found.get("lang") == "en")
        if not is_left_out:
            is_pressed = tag == "input" and found.get("type") in {"submit", "button", "reset"}
            names = (*SHOWN, "value") if is_pressed else SHOWN
            self.texts += [(text, _outside(text)[0]) for name in names if (text := found.get(name))]
        if tag not in VOID:
            self.open.append((tag, is_left_out, self.depth))

    def handle_endtag(self, tag: str) -> None:
        if any(tag == one for one, *_ in self.open):
            while (ended := self.open.pop())[0] != tag:
                pass
            self.depth = ended[2]  # also where a bracket was cut off

    def handle_data(self, data: str) -> None:
        if not self.is_left_out and data.strip():
            bare, self.depth = _outside(data, self.depth)
            self.texts.append((data.strip(), bare))


def words_of(texts: Iterable[str]) -> list[str]:
    """Those of `texts` that are not looked up, where all have to be."""
    return [text for text in texts if not (text.startswith("⟦") and text.endswith("⟧"))]
