"""Fine-tuning: objectives and batches for the one loop."""
