"""GET /media in a library of 10 and of 10,000 files: how many queries, and how long a page takes.

The limit is a bare SELECT of the same page: its rows fetched as the database gives them, and nothing made of them.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from bench.figures import say
from bench.in_process import client_of_owner, median_ms, on_postgresql

SMALL, LARGE = 10, 10_000
PAGE, SHORT = 50, 5
ROUNDS = 60

BARE = """
SELECT * FROM media_library_asset WHERE workspace_id = %s AND deleted_at IS NULL
 ORDER BY created_at DESC, id DESC LIMIT %s
"""
WAYS = {
    "": f"limit={PAGE}",
    "_cursor": f"limit={PAGE}&cursor=",
    "_search": f"limit={PAGE}&q=holiday",
    "_unused": f"limit={PAGE}&used=false&type=image",
}


def run() -> None:
    on_postgresql(measure)


def library_of(count: int) -> tuple[Any, Any]:
    """A workspace with so many files, every third of them in a post; and a client of its owner."""
    from accounts.tests.factories import make_workspace
    from media_library.models import Asset
    from media_library.tests.factories import make_asset
    from posts.models import PostMedia
    from posts.tests.factories import make_post

    workspace = make_workspace()
    template = make_asset(workspace=workspace)
    fields = {field.name: getattr(template, field.name) for field in Asset._meta.fields if field.name != "id"}
    assets = [
        Asset(**{**fields, "stored_name": f"{workspace.id}/{n}", "sha256": f"{n:064}", "filename": f"holiday {n}.jpg"})
        for n in range(count - 1)
    ]
    Asset.objects.bulk_create(assets, batch_size=1_000)
    post = make_post(workspace=workspace)
    uses = [PostMedia(post=post, asset=asset, position=n) for n, asset in enumerate(assets[::3])]
    PostMedia.objects.bulk_create(uses, batch_size=1_000)
    client = client_of_owner(workspace)
    return workspace, client


def measure() -> None:
    from django.db import connection

    libraries = {count: library_of(count) for count in (SMALL, LARGE)}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    for way, query in WAYS.items():
        short = query.replace(f"limit={PAGE}", f"limit={SHORT}")  # a page that shows the end of a list need not count
        counts = {count: queries(client, short) for count, (_, client) in libraries.items()}
        ratio = min(1.0, counts[SMALL] / counts[LARGE])
        say(f"media_list{way}_queries", counts[LARGE], "queries", limit=counts[SMALL], ratio=ratio)
        for count, (workspace, client) in libraries.items():
            asked = median_ms(partial(page, client, query), rounds=ROUNDS)
            bare = median_ms(partial(bare_page, workspace), rounds=ROUNDS)
            say(f"media_list{way}_{count}", asked, "ms", limit=bare, ratio=min(1.0, bare / asked))


def page(client: Any, query: str) -> None:
    response = client.get(f"/api/v2/media?{query}")
    if response.status_code != 200:
        raise RuntimeError(f"the list answered {response.status_code}")


def bare_page(workspace: Any) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(BARE, [workspace.id, PAGE + 1])
        cursor.fetchall()


def queries(client: Any, query: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as found:
        page(client, query)
    return len(found)
