"""Gradient steps: what a brain does with a minibatch, whatever its rule."""
