"""The names of apps, models and columns, looked up like all other words that staff read.

Most models name neither themselves nor their columns: Django makes the names of the code ("created at"). Such a name is
English whatever the language, unless it is looked up when it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy


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
    return name if isinstance(name, Promise) else gettext_lazy(name)
