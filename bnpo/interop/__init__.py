"""Other formats: exported policies, model cards, Minari datasets."""
