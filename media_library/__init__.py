"""Files people upload, and their renditions. Empty until the media library is built."""
