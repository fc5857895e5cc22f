"""Every decision and every write about files: from upload to the form that each platform takes."""
