"""What the plots share: margins and the style of each run's line."""

from __future__ import annotations

MARGIN = {"l": 8, "r": 8, "t": 32, "b": 8}

# Okabe and Ito's colours that mean nothing else here, each with its own dash, for runs in the order they were chosen.
RUN_STYLES = (
    ("#0072B2", "solid"),
    ("#E69F00", "dash"),
    ("#009E73", "dot"),
    ("#CC79A7", "dashdot"),
    ("#56B4E9", "longdash"),
    ("#D55E00", "longdashdot"),
    ("#999999", "solid"),
    ("#8C6D1F", "dash"),
)
GUIDE = "#009E73"  # a line that marks where the reader stands


def style(number: int) -> dict[str, str]:
    """Colour and dash of the run of that number."""
    colour, dash = RUN_STYLES[number % len(RUN_STYLES)]
    return {"color": colour, "dash": dash}
