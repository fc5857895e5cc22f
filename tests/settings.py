"""The settings of test runs: the project's own, in a folder of their own, with quick passwords.

The environment is set before the project's settings are read; each xdist worker has its own folder and ports.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from tests.ports import free_port

if not os.environ.get("MASTABLASTA_TEST_HOME"):  # xdist's workers share what the first process made
    os.environ["MASTABLASTA_TEST_HOME"] = tempfile.mkdtemp(prefix="mb-home-")
    atexit.register(shutil.rmtree, os.environ["MASTABLASTA_TEST_HOME"], ignore_errors=True)
os.environ["MASTABLASTA_HOME"] = os.path.join(
    os.environ["MASTABLASTA_TEST_HOME"], os.environ.get("PYTEST_XDIST_WORKER", "main")
)
os.environ["MASTABLASTA_MODE"] = "development"
os.environ["SANDBOX_PORT"] = str(free_port())

from mastablasta.settings import *  # noqa: F403

MIDDLEWARE = ["tests.described.Watch", *MIDDLEWARE]  # noqa: F405

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

WHITENOISE_AUTOREFRESH = True  # else each client of a test looks through all static files (30 ms)
