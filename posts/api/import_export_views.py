"""Posts in files, over HTTP: taken in row by row, and given out."""

from __future__ import annotations

from typing import IO, Any, BinaryIO, ClassVar, cast

from django.conf import settings
from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import WORKSPACE_HEADER, WorkspaceScopedViewSet
from mastablasta.core.api.conditional import DISPOSITION, LOCATION
from mastablasta.core.api.serializers import StrictSerializer
from mastablasta.core.errors import FieldProblem, Invalid, TooLarge
from media_library.api.uploads import announced, broken_off
from posts.api import examples
from posts.api.answers import PostSerializer
from posts.api.bulk_job_views import BulkJobSerializer, accepted
from posts.api.bulk_shapes import MOST, DetailSerializer
from posts.api.filters import PostFilter
from posts.import_export import import_jobs
from posts.import_export.exporting import FORMS, export_posts
from posts.import_export.importing import STORED, import_rows
from posts.import_export.report import present_outcomes
from posts.import_export.rows import count_rows, read_rows
from posts.models import Post

MOST_AT_ONCE = 10_000  # rows
TRUE_OR_FALSE = ["true", "false"]  # as a field of a form says it
AROUND = 64 * 1024  # of a request, around the file


class WholeMultiPartParser(MultiPartParser):
    """DRF's, which would take what came of a request that broke off for the whole file."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Raises ParseError, Invalid."""
        length = announced(parser_context["request"]._request)
        whole = cast("IO[Any]", _WholeBody(stream, length))  # it needs read() only
        return super().parse(whole, media_type, parser_context)


class _WholeBody:
    """The bytes of a body, up to the last one that its sender announced."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream, self._left = stream, length

    def read(self, size: int) -> bytes:
        data: bytes = self._stream.read(size)
        self._left -= len(data)
        if not data and self._left > 0:
            raise broken_off()
        return data


class ImportSerializer(StrictSerializer):
    """A file of posts."""

    file = serializers.FileField(
        error_messages={
            "required": "No file came; send it as the part `file` of multipart/form-data, with a filename.",
            "invalid": "This is not a file; send it as a part with a filename.",
        },
        help_text=f"CSV or JSON in UTF-8, up to {MOST:,} rows and 20 MB, unless the server's operator says otherwise.",
    )
    dry_run = serializers.ChoiceField(
        TRUE_OR_FALSE, required=False, help_text="true: say what would become of each row, and store nothing."
    )

    def get_fields(self) -> dict[str, Any]:
        sentence = f"true: let a job do it, as it does whatever has more than {MOST_AT_ONCE:,} rows."
        own = serializers.ChoiceField(TRUE_OR_FALSE, required=False, help_text=sentence)
        return {**super().get_fields(), "async": own}  # a word of Python: no name in a class


class ImportedRowSerializer(serializers.Serializer[Any]):
    """A row that is a post now."""

    row = serializers.IntegerField(help_text="As a spreadsheet shows it, the header being row 1; of JSON from 1.")
    status = serializers.ChoiceField(STORED)
    id = serializers.UUIDField(allow_null=True, help_text="The post's; null where a dry run made none.")
    external_id = serializers.CharField(allow_null=True)


class RefusedRowSerializer(serializers.Serializer[Any]):
    """A row that was refused, and why."""

    row = serializers.IntegerField(help_text="As a spreadsheet shows it, the header being row 1; of JSON from 1.")
    external_id = serializers.CharField(allow_null=True)
    error = serializers.CharField()
    code = serializers.CharField()
    details = DetailSerializer(many=True)


class ImportResultSerializer(serializers.Serializer[Any]):
    """What became of each row."""

    example = examples.IMPORT_RESULT

    dry_run = serializers.BooleanField()
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    refused = serializers.IntegerField()
    successful = ImportedRowSerializer(many=True)
    failed = RefusedRowSerializer(many=True)


class PostImportViewSet(WorkspaceScopedViewSet):
    """A file of posts, up to MOST in one request; the command `import_posts` takes any number."""

    header_parameters = (WORKSPACE_HEADER, LOCATION)
    queryset = Post.objects.all()
    parser_classes = (WholeMultiPartParser,)
    serializer_class = ImportSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "POST" and announced(request._request) > settings.BULK_BODY_MAX_BYTES + AROUND:
            raise _too_large()

    @extend_schema(
        summary="Import posts from CSV or JSON: each row is a post, or refused by itself",
        description="A row changes the post that its external_id names, or its id; every other row makes a new one. "
        "The same file again changes nothing where each row has an external_id. What is wrong with the file as a whole "
        f"(400) leaves everything as it was. With `async`, or more than {MOST_AT_ONCE:,} rows, a job takes them as of "
        "now: 202, and Location names the job.",
        request={"multipart/form-data": ImportSerializer},
        responses={200: ImportResultSerializer, 202: BulkJobSerializer},
    )
    @action(detail=False, methods=["post"], url_path="import")
    def import_posts(self, request: Request) -> Response:
        body = self.body(ImportSerializer)
        upload, is_rehearsal = body["file"], body.get("dry_run") == "true"
        if upload.size > settings.BULK_BODY_MAX_BYTES:
            raise _too_large()
        file = cast(BinaryIO, upload.file)
        total = count_rows(file, most=MOST)
        if body.get("async") == "true" or total > MOST_AT_ONCE:
            rows, person = read_rows(file), self.caller.user
            return accepted(
                import_jobs.begin(rows, total=total, workspace=self.workspace, by=person, is_rehearsal=is_rehearsal)
            )
        outcomes = import_rows(
            read_rows(file),
            workspace=self.workspace,
            by=self.caller.user,
            is_rehearsal=is_rehearsal,
            at=timezone.now(),
        )
        return Response(present_outcomes(outcomes, is_rehearsal=is_rehearsal))


def _too_large() -> TooLarge:
    limit = settings.BULK_BODY_MAX_BYTES
    sentence = f"A file may have {limit:,} bytes at most; split it, or use manage.py import_posts."
    return TooLarge("too_large", sentence, [FieldProblem("file", "too_large", sentence, {"limit": limit})])


# --- export ---
class ExportedPostSerializer(PostSerializer):
    """A post as a file has it: what an import takes, and what became of it."""

    example = examples.EXPORTED_POST

    accounts = serializers.ListField(child=serializers.CharField(), help_text="As mastodon:@ada@example.org.")
    urls = serializers.ListField(child=serializers.CharField(), help_text="Where it is out.")
    author = deliveries = warnings = created_at = updated_at = None  # type: ignore[assignment]  # how DRF takes out what a base has


class ExportSerializer(serializers.Serializer[Any]):
    """The file, as JSON."""

    example = {"posts": [examples.EXPORTED_POST]}

    posts = ExportedPostSerializer(many=True)


class PostExportViewSet(WorkspaceScopedViewSet):
    """Posts as a file, whatever somebody accepts: `format` is that of pages, so the file's form is `as`."""

    queryset = Post.objects.all()
    filterset_class = PostFilter
    pagination_class = None
    query_parameters: ClassVar[Any] = {
        "export": [OpenApiParameter("as", str, enum=list(FORMS), description="The form of the file; left out: csv.")]
    }

    @property
    def is_list(self) -> bool:
        """The filters of GET /posts narrow it."""
        return True

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        return JSONRenderer(), "application/json"

    def narrow(self, rows: Any) -> Any:
        return rows.kept().order_by("created_at", "id")

    @extend_schema(
        summary="Export posts as CSV or JSON, which an import takes",
        description="All posts that the filters leave, oldest first, in one answer.",
        responses={(200, "text/csv"): OpenApiTypes.STR, (200, "application/json"): ExportSerializer},
        parameters=[DISPOSITION],
    )
    @action(detail=False, methods=["get"])
    def export(self, request: Request) -> StreamingHttpResponse:
        form = request.query_params.get("as") or "csv"
        if form not in FORMS:
            raise Invalid.field("as", "invalid_choice", f"This is not one of: {', '.join(FORMS)}.", valid=list(FORMS))
        posts = self.filter_queryset(self.get_queryset())
        return file_of_posts(posts, form)


def file_of_posts(posts: Any, form: str) -> StreamingHttpResponse:
    """An answer that is a file of these posts, sent while it is made."""
    disposition = f'attachment; filename="posts.{form}"'
    headers = {"Content-Disposition": disposition, "Cache-Control": "private, no-store"}
    return StreamingHttpResponse(export_posts(posts, form), content_type=FORMS[form].media_type, headers=headers)
