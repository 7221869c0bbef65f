"""What every training shares: checkpoints, logs that can be read while they grow, and seeds."""
