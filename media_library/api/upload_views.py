"""A file sent into the library."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import WorkspaceView
from mastablasta.core.api.conditional import LOCATION
from mastablasta.core.api.serializers import StrictSerializer
from media_library.api.presenting import created
from media_library.api.serializers import ALT_TEXT, NewMediaSerializer
from media_library.api.uploads import Arrived, UploadParser, announced, expect_chunks, is_chunked
from media_library.models import LONGEST_ALT_TEXT
from media_library.services import intake


class UploadSerializer(StrictSerializer):
    """A file and what it shows."""

    file = serializers.FileField(
        error_messages={
            "required": "No file came; send it as the part `file` of multipart/form-data, with a filename.",
            "invalid": "This is not a file; send it as a part with a filename.",
        },
        help_text="JPEG, PNG, GIF or WebP up to 10 MB; MP4, MOV or AVI up to 500 MB; PDF up to 100 MB; SRT or WebVTT "
        "up to 1 MB. Its bytes say what it is.",
    )
    alt_text = serializers.CharField(max_length=LONGEST_ALT_TEXT, required=False, allow_blank=True, help_text=ALT_TEXT)


class MediaUpload(WorkspaceView):
    """A plain view, since its body is a stream: read only once it is known who sends it, and that there is room."""

    parser_classes = (UploadParser,)
    is_one_transaction = False  # a decoder and a storage are waited for; the same bytes again make nothing new
    serializer_class = UploadSerializer
    refusals: ClassVar[Any] = {"POST": (502, 507)}

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # Whoever asks for request.POST (Django's check of a browser's CSRF token) must not read the body.
        request._post, request._files = QueryDict(), MultiValueDict()  # type: ignore[attr-defined]
        if is_chunked(request):
            expect_chunks(request)
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            intake.expect(self.workspace, announced(request._request))

    @extend_schema(
        summary="Upload a picture, video, PDF or captions",
        description="The same bytes again give the same item; `warnings` say which words that came with them it "
        "does not have.",
        request={"multipart/form-data": UploadSerializer},
        responses={201: NewMediaSerializer},
        parameters=[LOCATION],
    )
    def post(self, request: Request) -> Response:
        body = self.body(UploadSerializer)
        words = {"filename": body["file"].filename, "alt_text": body.get("alt_text", "")}
        asset = intake.take(
            body["file"].incoming, workspace=self.workspace, by=self.caller.user, **words, at=timezone.now()
        )
        return created(asset, warnings=intake.dropped_words(asset, **words))

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        own: HttpRequest = getattr(request, "_request", request)
        for file in own.FILES.values():
            if isinstance(file, Arrived):
                file.close()
        return response
