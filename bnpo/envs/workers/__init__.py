"""Worker processes: any Gymnasium environment as a batch, with restarts and exact state."""
