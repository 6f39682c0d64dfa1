"""Evaluation: how good a run's models are, and how sure that is."""
