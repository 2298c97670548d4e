"""Neural networks on chest X-rays, for teaching and demonstration. Never a medical device."""

__version__ = "0.1.0"
