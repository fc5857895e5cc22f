"""Posts, deliveries and what became of them in Django admin, and the triage of what needs a person."""

from __future__ import annotations

from posts.admin import pages  # noqa: F401  Django finds the pages by importing this
