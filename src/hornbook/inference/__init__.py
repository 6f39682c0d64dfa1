"""Using a model: sampling, generation, scoring, export."""
