"""GET /api/health and /api/platforms…"""

from __future__ import annotations

from typing import Any

from django.conf import settings

from mastablasta.v1_demo.calls import Answer, Call, known_platform
from mastablasta.v1_demo.platforms import PLATFORMS


def health(call: Call) -> Answer:
    return 200, {"status": "healthy", "service": "MastaBlasta", "version": settings.VERSION, "timestamp": call.now}


def list_platforms(_: Call) -> Answer:
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "display_name": platform.display_name,
            "available": True,
            "supports_oauth": True,
            "supported_post_types": list(platform.post_types),
        }
        for name, platform in PLATFORMS.items()
    ]
    return 200, {"platforms": found, "count": len(found)}


def post_types(_: Call, platform: str) -> Answer:
    name = known_platform(platform, status=404)
    return 200, {"platform": name, "supported_post_types": list(PLATFORMS[name].post_types)}


def details(call: Call, platform: str) -> Answer:
    name = known_platform(platform, status=404)
    return 200, {
        "platform": name,
        "post_types": list(PLATFORMS[name].post_types),
        "rate_limits": list(call.rules.rate_limits(name)),
    }
