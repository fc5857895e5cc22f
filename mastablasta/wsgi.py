"""The web server's way in."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mastablasta.settings")
os.environ["MASTABLASTA_PROCESS"] = "web"  # before settings are read: web processes pool their connections

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

application = get_wsgi_application()
_ = get_resolver().url_patterns  # import every view now: gunicorn's workers share it, no first request waits
