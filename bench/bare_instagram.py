"""The limit of pictures at Instagram: a plain thread pool of kept sessions that makes our five calls for each.

`python -m bench.bare_instagram URL THREADS` reads a `Job` as JSON a line from standard input, waits for an empty line,
publishes each, and prints when it began and ended (seconds since the epoch), and its CPU seconds.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict
from urllib.parse import urlencode, urlsplit

VERSION = "v26.0"
WAIT_S = 2.0  # before a container is looked at again, as we wait


class Job(TypedDict):
    """A picture that an account publishes. `proof`: that our app makes the calls."""

    account: str
    token: str
    proof: str
    image_url: str
    caption: str


def publish_all(url: str, jobs: list[Job], threads: int) -> tuple[float, float, float]:
    at, local = urlsplit(url), threading.local()

    def call(job: Job, method: str, path: str, query: dict[str, str], form: dict[str, str] | None = None) -> Any:
        if not hasattr(local, "line"):
            local.line = http.client.HTTPConnection(at.hostname or "", at.port, timeout=60)
        headers = {"Authorization": f"Bearer {job['token']}"}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        target = f"{at.path}/{VERSION}/{path}?{urlencode({**query, 'appsecret_proof': job['proof']})}"
        local.line.request(method, target, urlencode(form) if form is not None else None, headers)
        answer = local.line.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the simulator answered {answer.status}: {body[:300]!r}")
        return json.loads(body)

    def publish(job: Job) -> None:
        account = job["account"]
        said = {"image_url": job["image_url"], "caption": job["caption"]}
        container = call(job, "POST", f"{account}/media", {}, said)["id"]
        fields = {"fields": "id,status_code,status"}
        while call(job, "GET", container, fields)["status_code"] == "IN_PROGRESS":
            time.sleep(WAIT_S)
        call(job, "GET", f"{account}/content_publishing_limit", {"fields": "quota_usage,config"})
        made = call(job, "POST", f"{account}/media_publish", {}, {"creation_id": container})["id"]
        call(job, "GET", made, {"fields": "permalink"})

    began, cpu_before = time.time(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(publish, jobs))
    return began, time.time(), time.process_time() - cpu_before


if __name__ == "__main__":
    given = list(iter(sys.stdin.readline, "\n"))
    print(*publish_all(sys.argv[1], [json.loads(line) for line in given], int(sys.argv[2])))
