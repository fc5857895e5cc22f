"""S3 that takes connections and answers nobody: found out in seconds, and it holds up nothing else."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any
from urllib.error import HTTPError

import boto3
import pytest

from media_library.tests.factories import photo
from tests.client import Client
from tests.instance import Instance
from tests.ports import free_port

KEYS = {"aws_access_key_id": "us", "aws_secret_access_key": "known to us", "region_name": "us-east-1"}
IN_TIME_S = 5.0
READERS = 60  # more than there are threads in all web processes together


@contextmanager
def s3() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """moto's server as a process, with the bucket `pictures`."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while server.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        boto3.resource("s3", endpoint_url=f"http://127.0.0.1:{port}", **KEYS).create_bucket(Bucket="pictures")
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.send_signal(signal.SIGCONT)
        server.terminate()
        server.wait(20)


def timed(ask: Any) -> tuple[Any, float]:
    began = time.monotonic()
    return ask(), time.monotonic() - began


def refused(client: Client, path: str, body: bytes | None = None) -> int:
    try:
        client.fetch(path, body)
    except HTTPError as error:
        return error.code
    return 200


def test_silent_storage_is_told_in_time_and_posts_go_out(own_database_url: str) -> None:
    with s3() as (url, server):
        names = {"ACCESS_KEY_ID": "us", "SECRET_ACCESS_KEY": "known to us", "S3_REGION_NAME": "us-east-1"}
        names |= {"STORAGE_BUCKET_NAME": "pictures", "S3_ENDPOINT_URL": url}
        settings = {f"AWS_{name}": value for name, value in names.items()}
        with Instance(own_database_url, **settings) as instance:
            client = instance.client()
            account = client.connect_mastodon("ada")
            kept = client.upload(photo(), "a.jpg")
            os.kill(server.pid, signal.SIGSTOP)

            _found_out(instance, client)
            with ThreadPoolExecutor(READERS) as readers:
                path = f"media/{kept['id']}/file"
                waiting = [readers.submit(refused, client, path) for _ in range(READERS)]
                time.sleep(1)
                _, took_s = timed(lambda: client.get("posts"))
                assert took_s < IN_TIME_S
                post = client.post("posts", {"content": "Hi", "accounts": [account], "publish": True})["id"]
                instance.wait_for(lambda: client.get(f"posts/{post}")["status"] == "published", what="out")
                answers = {status for one in waiting if (status := one.result()) != 502}
            assert answers <= {200}  # what was in a buffer
            _refuses_uploads(client)

            os.kill(server.pid, signal.SIGCONT)
            instance.wait_ready()
            # Each process leaves a silent storage alone by its own memory, for three seconds.
            instance.wait_for(lambda: _is_taken(client), what="uploads taken again")


def _found_out(instance: Instance, client: Client) -> None:
    def is_red() -> bool:
        (status, answer), took_s = timed(instance.readyz)
        assert took_s < IN_TIME_S
        return status == 503 and not answer["checks"]["storage"]["ok"]

    instance.wait_for(is_red, what="storage red")

    def says_so() -> bool:
        status, took_s = timed(lambda: client.get("status"))
        assert took_s < IN_TIME_S
        return status["media"] is False and status["publishing"] is True

    instance.wait_for(says_so, what="said in /status")


def _is_taken(client: Client) -> bool:
    try:
        return bool(client.upload(photo((80, 60)), "b.jpg")["id"])
    except HTTPError as error:
        if error.code != 502:
            raise
        return False


def _refuses_uploads(client: Client) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="c.jpg"\r\n\r\n' + photo((90, 60))
    began = time.monotonic()
    with pytest.raises(HTTPError) as refusal:
        client.fetch("media/upload", body + b"\r\n--b--\r\n", **{"Content-Type": "multipart/form-data; boundary=b"})
    assert refusal.value.code == 502
    assert time.monotonic() - began < 40
