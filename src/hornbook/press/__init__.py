"""The press: chapters run against a run, and set as a book."""
