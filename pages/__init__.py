"""One script per page, run by app.py: widgets and layout only."""
