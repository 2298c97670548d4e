"""Measurements, side by side in one run: python -m benchmarks [NAME ...]. Numbers depend on the machine; ratios travel."""
