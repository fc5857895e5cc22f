"""The names of apps, models and columns, looked up like all other words that staff read.

Most models name neither themselves nor their columns: Django makes the names of the code ("created at"). Such a name is
English whatever the language, unless it is looked up when it is shown, and the code's own ("o auth state", "is open"),
unless it is written as people write it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

# What the code calls it, and people.
_WORDS = {
    "api": "API", "func": "function", "http": "HTTP", "id": "ID", "ip": "IP", "mime": "MIME", "ms": "(ms)",
    "o auth": "OAuth", "sha256": "SHA-256", "url": "URL", "via": "way of access",
}  # fmt: skip
_WORD = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b")
_QUESTION = re.compile(r"^(?:is|has) ")  # of what is true or not: Django's own is called "active", not "is active"


def readable(name: str) -> str:
    """A name of the code as people write it.

    >>> readable("avatar_url"), readable("is_default"), readable("o auth state")
    ('avatar URL', 'default', 'OAuth state')
    """
    return _WORD.sub(lambda found: _WORDS[found[0]], _QUESTION.sub("", name.replace("_", " ")))


def look_up_names(configs: Iterable[AppConfig]) -> None:
    """From now on these apps, their models and columns are named in the language of who asks.

    Migrations hear nothing of it: they are made of what the code says, which stays as it is.
    """
    for config in configs:
        config.verbose_name = _looked_up(config.verbose_name)
        for model in config.get_models():
            options: Any = model._meta
            options.verbose_name = _looked_up(options.verbose_name)
            if "verbose_name_plural" not in options.original_attrs:  # Django's own is none that could be looked up
                options.verbose_name_plural = str(options.verbose_name_plural)
            options.verbose_name_plural = _looked_up(options.verbose_name_plural)
            for field in (*options.local_fields, *options.local_many_to_many):
                field.verbose_name = _looked_up(field.verbose_name)


def _looked_up(name: Any) -> Any:
    return name if isinstance(name, Promise) else gettext_lazy(readable(name))
