"""The web server's settings: threads, since a request mostly waits for the database. `gunicorn -c` reads this file.

Which of several servers, and why its worker is ours: mastablasta/web/worker.py.
"""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mastablasta.settings")

from django.conf import settings

from mastablasta.core.memory import settle_memory
from mastablasta.web.database_pool import forget_pool

# Reachable from outside only where somebody said under which address.
_is_public = not settings.IS_DEVELOPMENT and settings.PUBLIC_HOST not in {"127.0.0.1", "localhost", "::1"}
bind = f"{'0.0.0.0' if _is_public else '127.0.0.1'}:{settings.PORT}"  # noqa: S104
wsgi_app = "mastablasta.wsgi:application"
worker_class = "mastablasta.web.worker.Worker"
worker_connections = 512  # open at once in each process; those that have asked for nothing make room
workers = settings.WEB_WORKERS
threads = settings.WEB_THREADS
preload_app = True  # half the memory and a quicker start; no connection is open yet when it forks
timeout = 120
graceful_timeout = 10
keepalive = 5
sendfile = False  # the kernel would wait for a slow reader without end
forwarded_allow_ips = ",".join(settings.TRUSTED_PROXIES)
accesslog = None  # requests are logged by the application, scrubbed
loglevel = "warning"
control_socket_disable = True


def when_ready(_server: object) -> None:
    settle_memory()


def post_fork(_server: object, _worker: object) -> None:
    forget_pool()


if os.path.isdir("/dev/shm"):  # noqa: S108
    worker_tmp_dir = "/dev/shm"  # noqa: S108  its heartbeat files must not wait for a disk
