"""What breaks, broken on purpose: whole instances on PostgreSQL against a world that lies.

`make test` runs the short form, `make test-faults` (FAULTS=full) the whole one; docs/reliability.md has the figures.
The platforms' own guards against duplicates are off, so that a blind second send would show.
"""
