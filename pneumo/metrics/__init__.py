"""Numbers from labels and probabilities; no model runs here.

Rates and areas with intervals (`classification`), thresholds, calibration, tests of significance, the leaderboard,
and what others published.
"""
