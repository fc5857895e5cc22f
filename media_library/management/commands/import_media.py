"""manage.py import_media"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.command_arguments import named_editor, named_workspace
from accounts.models import User, Workspace
from mastablasta.core.commands import Outcome, ProgressCommand
from mastablasta.core.errors import DomainError
from media_library.inspection import NotMedia, inspect
from media_library.models import Asset
from media_library.services import intake
from media_library.services.incoming import Incoming

BLOCK = 512 * 1024


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file: `status` imported, known or refused; a refusal has its code and sentence."""

    path: str
    status: str
    id: str = ""
    code: str = ""
    message: str = ""

    def shown(self) -> dict[str, str]:
        fields = ("path", "id") if self.status != "refused" else ("path", "code", "message")
        return {name: getattr(self, name) for name in fields}


class Command(ProgressCommand):
    help = (
        "Takes every file below a folder into the library of a workspace, as if that person had uploaded it: the same "
        "formats, limits and quota. The files stay where they are. Hidden ones and links are passed over. Safe to run "
        "twice: the same bytes are the same item. Exit status 1 when a file was refused, 2 when an argument is wrong. "
        "With --json: {imported: [{path, id}], known: [{path, id}], refused: [{path, code, message}]}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument("--workspace", type=UUID, required=True, metavar="ID", help="whose library it is")
        parser.add_argument("--user", required=True, metavar="EMAIL", help="who uploads it")
        parser.add_argument("--dry-run", action="store_true", help="say what would be imported, and change nothing")

    def work(self, **options: Any) -> Outcome:
        folder: Path = options["folder"]
        if not folder.is_dir():
            raise CommandError(f"DIR: there is no folder {folder}.", returncode=2)
        workspace = named_workspace(options["workspace"])
        person = named_editor(options["user"], workspace)
        paths = list(_files(folder))
        found: list[Taken] = []
        with self.progress("importing") as bar:
            for number, path in enumerate(paths, 1):
                name = path.relative_to(folder).as_posix()
                found.append(_take(path, name, workspace, person, is_rehearsal=options["dry_run"]))
                bar.show(number, len(paths))
        by_status = {
            status: [one for one in found if one.status == status] for status in ("imported", "known", "refused")
        }
        verb = "would be imported" if options["dry_run"] else "imported"
        lines = [f"{one.path}: {one.message}" for one in by_status["refused"]]
        counts = {status: len(some) for status, some in by_status.items()}
        lines.append(f"{counts['imported']} {verb}, {counts['known']} were there already, {counts['refused']} refused")
        shown = {status: [one.shown() for one in some] for status, some in by_status.items()}
        return Outcome(shown, lines, 1 if by_status["refused"] else 0)


def _files(folder: Path) -> Iterator[Path]:
    for inside, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(inside, name)
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _take(path: Path, name: str, workspace: Workspace, person: User, *, is_rehearsal: bool) -> Taken:
    try:
        with Incoming(path.stat().st_size) as arriving:
            with path.open("rb") as file:
                while block := file.read(BLOCK):
                    arriving.write(block)
            arriving.finish()
            known = Asset.objects.in_workspace(workspace).kept().filter(sha256=arriving.sha256).first()
            if known is not None:
                return Taken(name, "known", id=str(known.id))
            if is_rehearsal:
                inspect(arriving.path, path.name)
                return Taken(name, "imported")
            asset = intake.take(arriving, workspace=workspace, by=person, filename=path.name, at=timezone.now())
            return Taken(name, "imported", id=str(asset.id))
    except (DomainError, NotMedia) as refusal:
        return Taken(name, "refused", code=refusal.code, message=refusal.detail)
    except OSError as error:
        return Taken(name, "refused", code="unreadable", message=f"It cannot be read ({error.strerror}).")
