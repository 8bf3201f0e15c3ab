"""Processes of a study: one per run, forked from a server that has loaded everything."""
