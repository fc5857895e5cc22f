"""Numbers about what was published: collected from the platforms, stored with their time, answered."""
