"""The result in one glance: the label as a badge, and the probability on its bar, as HTML that is drawn at once.

A chart library would take longer to draw these few lines than everything else on the page.
"""

from __future__ import annotations

from pages import shared
from pneumo import formatting
from pneumo.inference import diagnosis
from pneumo.palette import COLOURS
from pneumo.schema import Diagnosis

NARROW = 0.13  # of the bar: a shorter segment has no room for its name


def verdict(result: Diagnosis, threshold: float) -> str:
    """Label, probability and bar of a result that has a label; its words are read by a screen reader in this order."""
    label = diagnosis.label_for(result, threshold)
    return (
        '<div style="display:flex;flex-wrap:wrap;align-items:center;gap:.4rem 1rem;margin-bottom:.6rem">'
        f'<span style="background:{COLOURS[label]};color:#fff;font-size:1.75rem;font-weight:700;line-height:1.25;'
        f'padding:.15rem .9rem;border-radius:.5rem"><span aria-hidden="true">{shared.SYMBOLS[label]} </span>{label}</span>'
        '<span style="line-height:1.15">Probability of pneumonia '
        f'<strong style="font-size:1.5rem">{_escaped(formatting.probability(result.probability))}</strong></span></div>'
        + bar(result, threshold)
    )


def bar(result: Diagnosis, threshold: float) -> str:
    """A line from 0 to 1 in the colours of the three labels, with the probability, the threshold and the spread."""
    between = diagnosis.uncertain_range(threshold, result.indeterminate)
    normal, unsure, sick = diagnosis.LABELS
    segments = ((normal, 0.0, between.low), (unsure, between.low, between.high), (sick, between.high, 1.0))
    value, spread = result.probability, result.stability
    said = formatting.probability
    text = (
        f"Probability {said(value)} on a bar from 0 to 1: {normal} below {between.low:.3f}, {unsure} up to {between.high:.3f}, "
        f"{sick} above. Threshold {threshold:.3f}."
        + (f" Under small changes {said(spread.low)} to {said(spread.high)}." if spread else "")
    )
    zone = result.indeterminate
    return (
        f'<div role="img" aria-label="{_escaped(text)}" style="position:relative;height:4.7rem;margin:0 .5rem .3rem">'
        + "".join(_segment(*each) for each in segments)
        + (_zone(zone.low, zone.high) if zone else "")
        + (_spread(spread.low, spread.high) if spread else "")
        + f'<div style="left:{threshold:.2%};position:absolute;top:1.35rem;height:2.2rem;border-left:3px dashed currentColor;transform:translateX(-1.5px)"></div>'
        + _marker(value)
        + _caption(threshold, f"threshold {threshold:.3f}", "3.45rem")
        + "</div>"
    )


def _segment(label: str, low: float, high: float) -> str:
    share = high - low
    if share <= 0:
        return ""
    name = label if share >= NARROW * len(label) / 6 else shared.SYMBOLS[label] if share >= 0.03 else ""
    return (
        f'<div style="{_span(low, high)};top:.1rem;height:1.2rem;font-size:.75rem;text-align:center;overflow:hidden;white-space:nowrap">'
        f"{name}</div>"
        f'<div style="{_span(low, high)};top:1.75rem;height:1.4rem;background:{COLOURS[label]};opacity:.8"></div>'
    )


def _zone(low: float, high: float) -> str:
    """The indeterminate zone hatched, so that it is seen within what the threshold adds to it."""
    hatch = "repeating-linear-gradient(45deg,rgba(255,255,255,.45) 0 2px,transparent 2px 7px)"
    return f'<div style="{_span(low, high)};top:1.75rem;height:1.4rem;background:{hatch}"></div>'


def _spread(low: float, high: float) -> str:
    return f'<div style="{_span(low, high)};top:2.28rem;height:.34rem;min-width:2px;background:currentColor;opacity:.85;border-radius:2px"></div>'


def _marker(value: float) -> str:
    return (
        f'<div style="left:{value:.2%};position:absolute;top:1.87rem;width:1.15rem;height:1.15rem;background:#fff;'
        'border:3px solid #17212B;transform:translateX(-50%) rotate(45deg);box-sizing:border-box;box-shadow:0 0 0 1.5px #fff"></div>'
    )


def _caption(place: float, text: str, top: str) -> str:
    """Below its place, and held inside the bar at both ends."""
    shift = -100 * place
    return (
        f'<div style="left:{place:.2%};position:absolute;top:{top};font-size:.8rem;white-space:nowrap;'
        f'transform:translateX({shift:.0f}%)">{text}</div>'
    )


def _span(low: float, high: float) -> str:
    return f"position:absolute;left:{low:.2%};width:{max(0.0, high - low):.2%}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
