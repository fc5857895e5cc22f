"""The web server's way in."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mastablasta.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from mastablasta.v1_demo.memory import memory_of_instance
from mastablasta.web.database_pool import pool_connections

pool_connections()
application = get_wsgi_application()
_ = get_resolver().url_patterns  # import every view now: gunicorn's workers share it, no first request waits
if settings.V1_ENABLED:
    memory_of_instance().begin()
