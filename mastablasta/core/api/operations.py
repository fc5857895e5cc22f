"""What one request of a view is called, where views declare things for some requests only."""

from __future__ import annotations


def operation_of(view: object, method: str) -> str:
    """The key in a view's declarations: the action that serves `method` in a viewset, of other views the method."""
    return getattr(view, "action", None) or ("GET" if method == "HEAD" else method)
