"""Composition: names and overrides to the complete, checked configuration of a run."""
