"""The page of Django admin that imports posts: a file is looked at first, and stored once somebody has seen what of.

Between the two the browser keeps the file, signed, so that what is confirmed is what was looked at, whichever host
answers. The price: a small file only; the API and `import_posts` take more.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User, Workspace
from accounts.services.workspaces import may_write
from mastablasta.core import confirmations
from mastablasta.core.admin_base import Page
from mastablasta.core.errors import Invalid
from mastablasta.core.ids import new_id
from mastablasta.core.models import IdempotencyKey
from posts.import_export import import_jobs
from posts.import_export.importing import REFUSED, RowOutcome, import_rows
from posts.import_export.report import present_counts, present_refused
from posts.import_export.rows import count_rows, read_rows
from posts.models import BulkJob, Post

LARGEST = 1024 * 1024  # bytes of a file
MOST_AT_ONCE = 1000  # rows that are stored while somebody waits
MOST_SHOWN = 200  # rows that are refused
KIND = "posts.import"


class FileForm(forms.Form):
    """Which file, and for whom."""

    workspace = forms.ModelChoiceField(
        Workspace.objects.none(),
        label=gettext_lazy("Workspace"),
        widget=AutocompleteSelect(Post._meta.get_field("workspace"), admin.site),
        help_text=gettext_lazy("Whose posts they are to be."),
    )
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("CSV or JSON in UTF-8, up to 1 MB; docs/import-and-export.md says what it holds."),
    )

    def __init__(self, person: User, *args: Any) -> None:
        super().__init__(*args)
        self.person = person
        self.fields["workspace"].queryset = Workspace.objects.visible_to(person)  # type: ignore[attr-defined]

    def clean_workspace(self) -> Workspace:
        workspace: Workspace = self.cleaned_data["workspace"]
        if not may_write(self.person, workspace):
            raise forms.ValidationError(_("Your role there does not allow to write."))
        return workspace

    def clean_file(self) -> bytes:
        upload = self.cleaned_data["file"]
        if upload.size > LARGEST:
            said = _("At most 1 MB here; send it to POST /api/v2/bulk/posts/import, or split it.")
            raise forms.ValidationError(said)
        data: bytes = upload.read()
        try:
            count_rows(io.BytesIO(data))
        except Invalid as error:
            raise forms.ValidationError(error.problems[0].message) from error
        return data


@dataclass(frozen=True, slots=True)
class Held:
    """A file that was looked at: for one person, one workspace and one import."""

    workspace: Workspace
    data: bytes
    name: str

    def signed(self, person: User) -> str:
        content = {"workspace": str(self.workspace.pk), "file": self.data.decode(), "name": self.name}
        return confirmations.signed(content, kind=KIND, person_id=person.pk)

    @classmethod
    def of(cls, text: str, person: User) -> Held | None:
        """None when it is not the person's, too old, or for a workspace where they may not write any more."""
        content = confirmations.looked_at(text, kind=KIND, person_id=person.pk)
        if content is None:
            return None
        workspace = Workspace.objects.visible_to(person).filter(pk=content["workspace"]).first()
        if workspace is None or not may_write(person, workspace):
            return None
        return cls(workspace, content["file"].encode(), content["name"])


def import_page(request: HttpRequest, page: Page) -> HttpResponse:
    """Ask for a file, show what would become of it, or store it."""
    person = request.user
    if not isinstance(person, User):
        raise TypeError("admin_view lets nobody else in")
    shown: dict[str, Any] = {"form": FileForm(person)}
    if request.method == "POST" and "held" in request.POST:
        held = Held.of(request.POST["held"], person)
        if held is None:
            messages.error(request, _("The file was looked at too long ago; choose it again."))
        elif (stored := _store(held, person)) is None:
            messages.warning(request, _("This was imported already."))
            return redirect("admin:posts_post_changelist")
        elif isinstance(stored, BulkJob):
            said = _("A job imports the %(count)s rows; this page says how far it is.")
            messages.success(request, said % {"count": f"{stored.total:,}"})
            return redirect("admin:posts_bulkjob_change", stored.pk)
        else:
            shown = {"done": True, **_told(stored)}
    elif request.method == "POST":
        form = FileForm(person, request.POST, request.FILES)
        shown = {"form": form}
        if form.is_valid():
            held = Held(form.cleaned_data["workspace"], form.cleaned_data["file"], str(new_id()))
            shown = {"held": held.signed(person), "workspace": held.workspace, **_told(_rows(held, person, True))}
    return page.answer(request, "admin/posts/post/import.html", _("Import posts"), shown)


def _rows(held: Held, person: User, is_rehearsal: bool) -> list[RowOutcome]:
    rows = read_rows(io.BytesIO(held.data))
    return list(import_rows(rows, workspace=held.workspace, by=person, is_rehearsal=is_rehearsal, at=timezone.now()))


def _store(held: Held, person: User) -> list[RowOutcome] | BulkJob | None:
    """Import it once, however often the button is pressed; None = somebody has, or is about to.

    A job does what has more than MOST_AT_ONCE rows.
    """
    at = timezone.now()
    ends_at = at + confirmations.HELD_FOR
    digest = hashlib.sha256(f"{KIND}.{held.name}".encode()).hexdigest()
    claim = IdempotencyKey(
        user=person.pk, workspace=held.workspace.pk, method_path="POST /admin/posts/post/import/", key=held.name,
        scope_sha256=digest, body_sha256=digest, locked_until=ends_at, expires_at=ends_at,
    )  # fmt: skip
    total = count_rows(io.BytesIO(held.data))
    with transaction.atomic():
        if not IdempotencyKey.objects.claim(claim, at=at):
            return None
        if total > MOST_AT_ONCE:
            return import_jobs.begin(read_rows(io.BytesIO(held.data)), total=total, workspace=held.workspace, by=person)
        return _rows(held, person, False)


def _told(outcomes: list[RowOutcome]) -> dict[str, Any]:
    refused = [present_refused(one) for one in outcomes if one.status == REFUSED]
    counts = present_counts(Counter(one.status for one in outcomes))
    return {"counts": counts, "refused": refused[:MOST_SHOWN], "more": max(len(refused) - MOST_SHOWN, 0)}
