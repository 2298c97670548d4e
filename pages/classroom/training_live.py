"""A training of one's own, in a worker process: settings, the queue, curves that grow, and what one can do meanwhile."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from pages import shared
from pages.classroom import address, training_curves
from pneumo.formatting import counted
from pneumo.lessons import training_room as rooms
from pneumo.lessons.training_queue import Place, room
from pneumo.lessons.training_room import (
    AUGMENTS,
    BATCHES,
    COUNTS,
    KINDS,
    NETS,
    OPTIMISERS,
    PERCENTS,
    RATES,
    REMEDIES,
    SCHEDULES,
    SIDES,
    Settings,
)
from pneumo.schema import PneumoError

PLACE, KEPT = (
    "training_room.place",
    "training_room.kept",
)  # session_state: this visitor's training; (title, looks) of kept ones
EVERY_S = 0.5
MOST_KEPT = 4
OWN = "own"
PRESETS: dict[str, tuple[str, Settings]] = {
    "start": (
        "A good start",
        Settings(count=800, widths=(8, 16, 32, 64), rate=1e-2, schedule="onecycle", epochs=30, augment="light"),
    ),
    "heart": ("Memorise", Settings(count=100, net="flat", epochs=40)),
    "fast": ("Too fast", Settings(optimiser="sgd", rate=3.0, net="simple_cnn")),
    "rare": ("A rare class", Settings(percent=95, count=800)),
}
BLOCKS = {"8": (8,), "8-16": (8, 16), "8-16-32": (8, 16, 32), "16-32-64": (16, 32, 64), "8-16-32-64": (8, 16, 32, 64)}
PENALTIES = (0.0, 1e-5, 1e-4, 1e-3, 1e-2)
FIELDS = ("data", "count", "percent", "side", "net", "batch_norm", "dropout", "optimiser", "rate", "schedule", "batch", "epochs", "augment", "remedy", "prior", "l1", "l2", "patience", "seed")  # fmt: skip


def show_room() -> None:
    room().warm()
    settings = _choose()
    running = st.session_state.get(PLACE)
    active = running is not None and not running.over
    # Drawn again by itself while something goes on; a page that nobody looks at is not drawn, and its place is freed.
    st.fragment(_watch, run_every=EVERY_S if active else None)(settings, active)


# --- settings -----------------------------------------------------------------------------------------------------


def _choose() -> Settings:
    said = _checked(address.settings("train"))
    for name in FIELDS:
        shared.keep(f"training_room.{name}", getattr(said, name))
    shared.keep("training_room.blocks", next((k for k, v in BLOCKS.items() if v == said.widths), "8-16-32"), BLOCKS)
    asked = next((name for name, (_, settings) in PRESETS.items() if settings == said), OWN)
    shared.keep("training_room.preset", asked, (OWN, *PRESETS))
    st.segmented_control(
        "Begin with", [*PRESETS, OWN], key="training_room.preset", required=True, on_change=_take_preset,
        format_func=lambda name: PRESETS[name][0] if name in PRESETS else "My own settings",
    )  # fmt: skip
    with st.expander("Settings", icon=":material/tune:", expanded=PLACE not in st.session_state):
        one, two, three = st.columns(3, gap="medium")
        with one:
            st.markdown("**Images**")
            _select("data", "Images", rooms.kinds(), KINDS.get)
            _select("count", "How many", COUNTS)
            _select("percent", "With pneumonia", PERCENTS, lambda value: f"{value}%")
            _select("side", "Side", SIDES, lambda value: f"{value} pixels")
            _select("augment", "Augmentation", list(AUGMENTS))
            _select("remedy", "Against imbalance", list(REMEDIES), REMEDIES.get)
            st.toggle(
                "Start at the classes' log odds",
                key="training_room.prior",
                on_change=_own,
                help="The bias of the last layer begins at ln(PNEUMONIA / NORMAL).",
            )
        with two:
            st.markdown("**Network**")
            _select("net", "Network", list(NETS), NETS.get)
            small = st.session_state["training_room.net"] in ("small", "flat")
            st.selectbox(
                "Channels of its blocks", list(BLOCKS), key="training_room.blocks", on_change=_own, disabled=not small
            )
            st.toggle("Batch norm", key="training_room.batch_norm", on_change=_own, disabled=not small)
            st.slider("Dropout", 0.0, 0.9, step=0.1, key="training_room.dropout", on_change=_own)
            _select("l1", "L1 penalty", PENALTIES, lambda value: f"{value:g}")
            _select("l2", "L2 penalty (weight decay)", PENALTIES, lambda value: f"{value:g}")
        with three:
            st.markdown("**Learning**")
            _select("optimiser", "Optimiser", list(OPTIMISERS), OPTIMISERS.get)
            st.select_slider(
                "Learning rate", RATES, key="training_room.rate", on_change=_own, format_func=lambda value: f"{value:g}"
            )
            _select("schedule", "Schedule", list(SCHEDULES), SCHEDULES.get)
            _select("batch", "Batch size", BATCHES)
            st.slider("Epochs, at most", 1, rooms.MOST_EPOCHS, key="training_room.epochs", on_change=_own)
            st.slider(
                "Stop after so many epochs without a better validation loss",
                0,
                20,
                key="training_room.patience",
                on_change=_own,
                help="0 never stops early.",
            )
            st.number_input("Seed", 0, 10**6 - 1, key="training_room.seed", on_change=_own)
    return _settings()


def _select(name: str, label: str, options: Any, shown: Any = None) -> None:
    st.selectbox(label, options, key=f"training_room.{name}", on_change=_own, format_func=shown or str)


def _settings() -> Settings:
    values = {name: st.session_state[f"training_room.{name}"] for name in FIELDS}
    return Settings(**values, widths=BLOCKS[st.session_state["training_room.blocks"]])


def _checked(said: dict[str, Any]) -> Settings:
    """The settings that an address gives; where it gives none that fit, the first preset."""
    if said:
        try:
            found = rooms.from_json(said)
            choices = (
                found.widths in BLOCKS.values(),
                found.l1 in PENALTIES,
                found.l2 in PENALTIES,
                found.data in rooms.kinds(),
                found.patience <= 20,
            )
            if all(choices):
                return found
        except PneumoError:
            pass
    return PRESETS["start"][1]


def _own() -> None:
    st.session_state["training_room.preset"] = OWN
    _remember()


def _take_preset() -> None:
    name = st.session_state["training_room.preset"]
    if name in PRESETS:
        settings = replace(PRESETS[name][1], seed=st.session_state["training_room.seed"])
        for field in FIELDS:
            st.session_state[f"training_room.{field}"] = getattr(settings, field)
        st.session_state["training_room.blocks"] = next(k for k, v in BLOCKS.items() if v == settings.widths)
    _remember()


def _remember() -> None:
    default, now = rooms.as_json(PRESETS["start"][1]), rooms.as_json(_settings())
    address.put_settings("train", {name: value for name, value in now.items() if value != default[name]} and now)


# --- a training -----------------------------------------------------------------------------------------------------


@shared.guarded
def _watch(settings: Settings, by_itself: bool) -> None:
    """by_itself: whether this is drawn again and again; where it begins or ends, the page is drawn once more."""
    place: Place | None = st.session_state.get(PLACE)
    if by_itself != (place is not None and not place.over):
        st.rerun()
    before = place.look() if place else 0
    if place is None or place.over:
        try:
            said = f"{counted(settings.parameters, 'parameter')}, {counted(settings.epochs, 'epoch')} of about {settings.count * 3 // 4} images."
            st.button(
                "Train",
                key="training_room.start",
                type="primary",
                icon=":material/play_arrow:",
                on_click=_start,
                args=(settings,),
            )
            st.caption(said)
        except PneumoError as error:
            st.warning(shared.plain(str(error)), icon=":material/error:")
    if place is None:
        return
    _say(place, before)
    _controls(place)
    kept = st.session_state.get(KEPT, [])
    if place.looks:
        title = _title(place)
        shown = training_curves.of_looks(title, place.begin.get("cases", []), place.looks, {}, kept)
        training_curves.show("training_room.live", f"{id(place)} {len(kept)} {place.rates}", [shown], follow=True)


def _start(settings: Settings) -> None:
    try:
        st.session_state[PLACE] = room().enter(settings)
    except PneumoError as error:
        st.toast(shared.plain(str(error)), icon=":material/error:")


def _say(place: Place, before: int) -> None:
    if place.state == "waiting":
        if before == 1 and room().starting:
            st.info(
                "Getting ready: the process that trains is being started, which takes some seconds.",
                icon=":material/hourglass_top:",
            )
            return
        others = f"{counted(before - 1, 'training')} before yours" if before > 1 else "yours is next"
        st.info(
            f"Waiting for a free core: {others}. Leave the page and the place is given to the next.",
            icon=":material/hourglass_top:",
        )
    elif place.state == "training":
        epoch, step, steps = (place.step.get(name, 0) for name in ("epoch", "step", "steps"))
        total = place.settings.epochs
        share = min(1.0, (max(epoch - 1, 0) + (step / steps if steps else 0)) / total)
        words = [f"{'Paused in epoch' if place.paused else 'Epoch'} {max(1, epoch)} of {total}"]
        if place.step:
            words += [f"{place.step['images_per_s']:,} images a second"] if place.step["images_per_s"] else []
            words.append(f"learning rate {place.step['rate']:.2g}")
        if place.paused and place.rates:
            words.append(f"from the next step {place.rates[-1]:g}")
        st.progress(share, ", ".join(words))
    elif place.state == "failed":
        st.error(_explained(place.message), icon=":material/error:")
    elif place.state == "left":
        st.info("This training was left, and its place given to the next.", icon=":material/logout:")
    elif place.message:
        st.warning(_explained(place.message), icon=":material/error:")
    else:
        best, run = place.best_epoch, len(place.looks) - 1
        st.success(
            f"Done: {counted(run, 'epoch')}. The weights kept are those of epoch {best}, which had the lowest validation loss.",
            icon=":material/check:",
        )


def _explained(message: str) -> str:
    """What went wrong; of a divergence also what it is."""
    text = shared.plain(message)
    if "diverged" in message:
        text += " **Diverged** means that the numbers grew until they were no numbers any more (NaN): each step overshot by more than the one before."
    return text


def _controls(place: Place) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="training_room.controls"):
        if place.state == "training":
            st.button(
                "Go on" if place.paused else "Pause", key="training_room.pause", icon=":material/play_arrow:" if place.paused else ":material/pause:",
                on_click=place.do, args=("go" if place.paused else "pause",),
            )  # fmt: skip
            st.button(
                "End and keep",
                key="training_room.end",
                icon=":material/stop:",
                on_click=place.do,
                args=("end",),
                help="After this epoch. The best weights so far are kept.",
            )
            st.button(
                "Give up",
                key="training_room.leave",
                icon=":material/logout:",
                on_click=place.leave,
                help="Ends it at once and frees the core.",
            )
            st.selectbox(
                "From now on, learning rate", RATES, index=None, key="training_room.new_rate", on_change=_change_rate, args=(place,),
                format_func=lambda value: f"{value:g}", width=220, placeholder="as it is",
            )  # fmt: skip
        elif place.state == "waiting":
            st.button("Give up", key="training_room.leave", icon=":material/logout:", on_click=place.leave)
        elif place.looks:
            if place.state == "done" and place.folder.exists():
                st.download_button(
                    "Download the run", partial(_zipped, place), f"{place.folder.name}.zip", "application/zip", key="training_room.download",
                    icon=":material/download:", on_click="ignore", help="Unzip it in weights/, and every page and command knows it.",
                )  # fmt: skip
            st.button(
                "Keep its curves",
                key="training_room.keep",
                icon=":material/layers:",
                on_click=_keep,
                args=(place,),
                help=f"Drawn under the next training, for comparison; up to {MOST_KEPT}.",
            )
        if st.session_state.get(KEPT):
            st.button("Forget kept curves", key="training_room.forget", type="tertiary", on_click=_forget)


def _change_rate(place: Place) -> None:
    rate = st.session_state.get("training_room.new_rate")
    if rate:
        place.change_rate(rate)


def _keep(place: Place) -> None:
    kept = st.session_state.setdefault(KEPT, [])
    kept.append((_title(place), list(place.looks)))
    del kept[:-MOST_KEPT]


def _forget() -> None:
    st.session_state.pop(KEPT, None)


def _title(place: Place) -> str:
    settings = place.settings
    name = NETS[settings.net].split(":")[0].strip()
    changed = "".join(f", then {rate:g}" for rate in place.rates)
    return f"{name}, {OPTIMISERS[settings.optimiser].split(',')[0]} {settings.rate:g}, seed {settings.seed}{changed}"


def _zipped(place: Place) -> bytes:
    """The run as it goes into weights/; packed when it is asked for."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(place.folder.iterdir()):
            archive.write(path, f"{place.folder.name}/{path.name}")
    return buffer.getvalue()
