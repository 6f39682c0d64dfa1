"""The text: found, read, cleaned, judged, and split once for all."""
