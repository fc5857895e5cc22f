"""The web server's worker: gunicorn's threads, which a slow client cannot hold."""
