"""Where an older version looked for these tasks: what it left in the queue is still found after an upgrade."""

from mastablasta.ops.tasks import refresh_host_info, tidy, work_on_media

__all__ = ["refresh_host_info", "tidy", "work_on_media"]
