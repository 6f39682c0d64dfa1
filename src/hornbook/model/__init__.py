"""The transformer, from its configuration to its exchange formats."""
