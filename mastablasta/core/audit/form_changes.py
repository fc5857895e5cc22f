"""What a form of Django admin has changed, for the audit log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

Changes = dict[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Told:
    """The changes of the row itself, and what became of rows that were edited with it: verb, row, changes."""

    changes: Changes
    rows: list[tuple[str, Model, Changes]] = field(default_factory=list)


def told_by(form: Any, formsets: Any, *, is_new: bool) -> Told:
    """`formsets`: of the rows beside it; None = there are none. Of a new row only what it has is told."""
    rows: list[tuple[str, Model, Changes]] = []
    for formset in formsets or ():
        forms = {one.instance.pk: one for one in formset.forms}
        rows += [("created", row, _changes(forms[row.pk], is_new=True)) for row in formset.new_objects]
        rows += [("changed", row, _changes(forms[row.pk], is_new=False)) for row, _ in formset.changed_objects]
        rows += [("deleted", row, {}) for row in formset.deleted_objects]
    return Told(_changes(form, is_new=is_new), rows)


def _changes(form: Any, *, is_new: bool) -> Changes:
    found: Changes = {}
    for name in form.changed_data:
        before = None if is_new else form.initial.get(name)
        after = form.cleaned_data.get(name)
        found[name] = (_short(before), _short(after))
    return found


def _short(value: Any) -> Any:
    """Another row by what stands in the column, as forms begin with it."""
    return value.pk if isinstance(value, Model) else value
