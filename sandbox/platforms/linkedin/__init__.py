"""LinkedIn, by its versioned API: https://learn.microsoft.com/en-us/linkedin/marketing (read 2026-11-23).

Not here: documents, reposts, drafts, editing, reactions, mentions in comments, webhooks.
"""

from sandbox.platforms.linkedin import comments, people, posts, statistics, uploads
from sandbox.platforms.linkedin.server import LinkedIn

__all__ = ["LinkedIn", "comments", "people", "posts", "statistics", "uploads"]
