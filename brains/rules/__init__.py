"""Learning rules: one paper, one file."""
