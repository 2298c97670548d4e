"""Measurements: how fast, how large, how good."""
