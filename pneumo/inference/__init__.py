"""What a trained run says of a radiograph, and how far to trust it.

`diagnosis` is the facade of pages and command line; beside it heatmaps and their checks, the input check,
robustness, evaluation on a data set, and the audit of one.
"""
