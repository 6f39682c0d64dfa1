"""The one training loop, its optimisers and its checkpoints."""
