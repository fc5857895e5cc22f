"""What Facebook does not take that its capabilities have no word for."""

from __future__ import annotations

from integrations.contract import Content
from mastablasta.core.errors import FieldProblem


def post_problems(content: Content) -> list[FieldProblem]:
    """What is wrong with a post as a whole, by its type."""
    root = content.parts[0]
    problems = []
    if content.post_type in {"reel", "story"} and not root.media:
        what = "a video" if content.post_type == "reel" else "a picture or a video"
        message = f"A {content.post_type} on Facebook is {what}; add it."
        problems.append(FieldProblem(root.media_field, "media_required", message))
    if content.post_type == "story" and root.text.strip():
        message = "A story on Facebook has no text of its own; leave it out, or write it into the picture."
        problems.append(FieldProblem(root.field, "text_not_supported", message))
    if content.post_type == "story" and len(content.parts) > 1:
        comment = content.parts[1]
        problems.append(FieldProblem(comment.field, "comment_not_supported", "Nobody can comment on a story there."))
    if content.options.get("link") and (root.media or content.post_type != "standard"):
        message = "Facebook shows the preview of a link only below a post without files; leave one of them out."
        problems.append(FieldProblem("post_options.facebook.link", "contradiction", message))
    return problems
