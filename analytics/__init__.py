"""Numbers about what was published. Empty until analytics are built."""
