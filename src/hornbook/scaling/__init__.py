"""Scaling: small trainings that foretell what a larger one gives."""
