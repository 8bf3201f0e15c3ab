"""Tests of trajectory optimisation."""
