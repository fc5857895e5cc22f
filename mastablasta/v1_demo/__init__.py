"""API v1, `/api/…`: a demo without sign-in, which publishes nothing and forgets everything. docs/v1.md.

Sealed: only the URL configuration and the web server import it, and it imports none of the apps. What it has to know of
their rules is handed to it there (`rules.py`). It never uses the database.
"""
