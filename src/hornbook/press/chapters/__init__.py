"""The chapters, as notebooks in Markdown, and their drawings."""
