"""Renderers that tests put in the place of media_library.rendering; each runs in the process that decodes."""
