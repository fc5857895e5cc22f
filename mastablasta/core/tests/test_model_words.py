"""What staff read as the name of a table, a column or a filter is written as people write it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.contrib import admin

from mastablasta.core.model_words import readable

# What a name of the code gives away: how it is joined, an abbreviation in small letters, a question without its mark.
OF_THE_CODE = re.compile(r"_|[a-z][A-Z]|\b(?:o auth|oauth|api|url|http|id|ip|json|mime|sha256|via|func)\b|^(?:is|has) ")

OF_PACKAGES = {"auth", "axes", "django_q"}  # whose columns have names of their own


def names() -> Iterator[tuple[str, str]]:
    for model, page in admin.site._registry.items():
        options = model._meta
        yield options.label, str(options.verbose_name)
        yield options.label, str(options.verbose_name_plural)
        yield options.label, str(getattr(page, "title", ""))
        if options.app_label in OF_PACKAGES:
            continue
        for field in options.get_fields():
            yield str(field), str(getattr(field, "verbose_name", ""))
        for one in page.list_filter:
            yield f"{options.label}: {one}", str(getattr(one, "title", ""))


def test_nothing_is_called_as_the_code_calls_it() -> None:
    found = list(names())

    assert {where: name for where, name in found if OF_THE_CODE.search(name)} == {}
    wanted = {"OAuth states", "API keys", "idempotency keys", "avatar URL", "way of access"}
    assert wanted <= {name for _, name in found}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("avatar_url", "avatar URL"), ("is_default", "default"), ("has_staff_access", "staff access"),
        ("o auth state", "OAuth state"), ("api keys", "API keys"), ("API key", "API key"),
        ("duration_ms", "duration (ms)"), ("history", "history"), ("hash", "hash"), ("video id", "video ID"),
        ("width", "width"),
    ],
)  # fmt: skip
def test_a_name_of_the_code_becomes_one_of_people(code: str, name: str) -> None:
    assert readable(code) == name
