"""Renderers that tests put in the place of media_library.codecs.render; each runs in the process that decodes."""
