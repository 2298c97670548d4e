"""Diagnose: radiographs in, probability, label at a threshold, heatmap, and how far to trust it."""

from __future__ import annotations

import hashlib

import streamlit as st

from pages import _ui
from pneumo import diagnosis, evaluation, figures
from pneumo.diagnosis import Example
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, Diagnosis, PneumoError

RESULTS = "diagnose.results"  # session_state: (weights hash, content hash) -> Diagnosis; of this visitor only
HEATMAPS = "diagnose.heatmaps"
HUB = "diagnose.hub"


def main() -> None:
    st.title("Diagnose")
    st.caption(
        f"{_ui.DISCLAIMER} The model knows frontal radiographs of children aged one to five from one hospital; "
        "what is uploaded stays in this session's memory and is gone when it ends."
    )
    run, files = choose_input()
    results = read_all(run, files)
    threshold = choose_threshold(run)
    show_table(run, files, results, threshold)
    show_one(run, files, results, threshold)
    show_trust(run, results, threshold)


# --- input ------------------------------------------------------------------------------------------------


def choose_input() -> tuple[Run, list[Example]]:
    """The model, and the files of this visitor; the built-in examples until something is uploaded."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        uploads = st.file_uploader(
            "Chest X-rays",
            accept_multiple_files=True,
            key="diagnose.upload",
            help="PNG, JPEG, WebP, BMP, TIFF or DICOM, up to 50 MB each. Several at once are fine.",
        )
    with right:
        # Another key for phantoms: a choice made for one kind of picture is not carried over to the other.
        phantoms = not uploads and HUB not in st.session_state
        run = _ui.pick_run("diagnose.run_phantoms" if phantoms else "diagnose.run", for_phantoms=phantoms)
        if st.button(
            "Fetch four real cases", key="diagnose.fetch", icon=":material/cloud_download:", disabled=bool(uploads)
        ):
            fetch_hub()
        st.caption("Streams four radiographs of the public Guangzhou test set from the Hugging Face hub.")
    if uploads:
        return run, [Example(file.name, file.getvalue(), -1, synthetic=False) for file in uploads]
    if HUB in st.session_state:
        st.info("Four real cases from the hub. Upload files of your own to replace them.", icon=":material/public:")
        return run, st.session_state[HUB]
    taught = _ui.knows_phantoms(run.card.name)
    st.info(
        "Nothing uploaded yet: these are **synthetic phantoms**, drawn by a program, so that there is something to try. "
        + (
            f"They are read by `{run.card.name}`, which learned from phantoms; choose another model to see how one that learned from "
            "children is wrong about them with great confidence."
            if taught
            else f"`{run.card.name}` learned from children and never saw a phantom: do not judge it by them."
        ),
        icon=":material/draw:",
    )
    return run, _ui.phantom_examples()


def fetch_hub() -> None:
    try:
        with st.spinner("Asking the hub ..."):
            st.session_state[HUB] = diagnosis.hub_examples()
    except PneumoError as error:
        st.warning(f"No real cases: {_ui.plain(str(error))}", icon=":material/cloud_off:")


def read_all(run: Run, files: list[Example]) -> list[Diagnosis]:
    """A Diagnosis for each file, each made once; those of files that are gone are forgotten."""
    known = st.session_state.get(RESULTS, {})
    keys = [result_key(run, file) for file in files]
    missing = [n for n, key in enumerate(keys) if key not in known]
    bar = st.progress(0.0, "Reading ...") if len(missing) > 3 else None
    fresh = {}
    for done, n in enumerate(missing, 1):
        fresh[keys[n]] = diagnosis.diagnose(run, files[n].data, files[n].name, synthetic=files[n].synthetic)
        if bar:
            bar.progress(done / len(missing), f"Reading {done} of {len(missing)} ...")
    if bar:
        bar.empty()
    known = {key: known[key] if key in known else fresh[key] for key in keys}
    st.session_state[RESULTS] = known
    heatmaps = st.session_state.get(HEATMAPS, {})
    st.session_state[HEATMAPS] = {key: heatmaps[key] for key in keys if key in heatmaps}
    return [known[key] for key in keys]


def result_key(run: Run, file: Example) -> tuple[str, str, str]:
    return run.card.weights.sha256, hashlib.sha256(file.data).hexdigest(), file.name


def heatmaps_of(run: Run, file: Example, found: Diagnosis) -> dict[str, diagnosis.Heatmap]:
    """Both classes' heatmaps, computed once for this visitor."""
    kept = st.session_state[HEATMAPS]
    key = result_key(run, file)
    if key not in kept:
        kept[key] = diagnosis.explain(run, found)
    return kept[key]


# --- the threshold ----------------------------------------------------------------------------------------


def choose_threshold(run: Run) -> float:
    """The slider and its presets, kept in step; what to expect at that threshold beside them."""
    points = {point.name: point for point in run.card.operating_points}
    if st.session_state.get("diagnose.run_of_threshold") != run.card.name:
        st.session_state["diagnose.run_of_threshold"] = run.card.name
        st.session_state["diagnose.preset"] = run.card.default_point
        st.session_state["diagnose.threshold"] = points[run.card.default_point].threshold

    def take_preset() -> None:
        chosen = st.session_state["diagnose.preset"]
        if chosen in points:
            st.session_state["diagnose.threshold"] = points[chosen].threshold

    def leave_preset() -> None:
        st.session_state["diagnose.preset"] = None

    st.subheader("Threshold", divider="gray")
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.pills(
            "Operating point",
            list(points),
            format_func=lambda name: points[name].title,
            key="diagnose.preset",
            on_change=take_preset,
            help=f"Chosen on {points[run.card.default_point].chosen_on}, stored in the model's card.",
        )
        threshold = st.slider(
            "PNEUMONIA at or above this probability",
            0.0,
            1.0,
            step=0.001,
            format="%.3f",
            key="diagnose.threshold",
            on_change=leave_preset,
        )
    with right:
        prevalence = st.slider(
            "Prevalence: how many of 100 children X-rayed have pneumonia",
            1,
            99,
            30,
            key="diagnose.prevalence",
            format="%d%%",
        )
    show_expectation(run, threshold, prevalence / 100)
    return threshold


def show_expectation(run: Run, threshold: float, prevalence: float) -> None:
    """Sensitivity, specificity, PPV and NPV at this threshold, for a prevalence the visitor sets."""
    known = _ui.load_validation(run.card.name)
    found = evaluation.rates(evaluation.confusion(known.labels, known.probabilities, threshold))
    ppv, npv = evaluation.predictive_values(found["sensitivity"], found["specificity"], prevalence)
    tiles = (
        ("Sensitivity", found["sensitivity"], "Of children with pneumonia, the share called PNEUMONIA."),
        ("Specificity", found["specificity"], "Of children without, the share called NORMAL."),
        ("PPV", ppv, "Of those called PNEUMONIA, the share that has it, at this prevalence."),
        ("NPV", npv, "Of those called NORMAL, the share that is, at this prevalence."),
    )
    for column, (title, value, text) in zip(st.columns(4), tiles, strict=True):
        column.metric(title, _ui.percent(value), help=text, border=True)
    st.caption(
        f"Expected from {len(known.labels)} validation radiographs ({run.card.name}); elsewhere expect less, "
        "specificity above all."
    )


# --- all files --------------------------------------------------------------------------------------------


def show_table(run: Run, files: list[Example], results: list[Diagnosis], threshold: float) -> None:
    """One row a file, and the downloads."""
    st.subheader(f"{len(files)} {'file' if len(files) == 1 else 'files'}", divider="gray")
    rows = diagnosis.table(run, results, threshold)
    picked = st.dataframe(
        [
            {key: row[key] for key in ("file", "probability", "note")} | {"label": row["label"] or "not read"}
            for row in rows
        ],
        key="diagnose.table",
        hide_index=True,
        column_order=("file", "probability", "label", "note"),
        on_select=open_selected,
        selection_mode="single-row",
        column_config={
            "file": st.column_config.TextColumn("File", width="medium"),
            "probability": st.column_config.ProgressColumn("Probability", min_value=0, max_value=1, format="%.3f"),
            "label": st.column_config.TextColumn("Label"),
            "note": st.column_config.TextColumn("Notes", width="large"),
        },
    )
    del picked  # the selection is read in the callback
    left, middle, _ = st.columns([1, 1, 2])
    left.download_button(
        "Table as CSV",
        diagnosis.table_csv(rows),
        "pneumo.csv",
        "text/csv",
        key="diagnose.csv",
        icon=":material/download:",
        on_click="ignore",
    )
    with middle:
        offer_overlays(run, files, results)


def open_selected() -> None:
    """A click on a row opens that file below."""
    rows = st.session_state["diagnose.table"]["selection"]["rows"]
    if rows:
        st.session_state["diagnose.open"] = rows[0]


def offer_overlays(run: Run, files: list[Example], results: list[Diagnosis]) -> None:
    """Heatmaps of all files as a zip: made on request, because each costs a pass through the model."""
    readable = [(file, found) for file, found in zip(files, results, strict=True) if found.error is None]
    ready = tuple(result_key(run, file) for file, _ in readable)
    if st.session_state.get("diagnose.zip_of") == ready and ready:
        st.download_button(
            "Overlays as ZIP",
            st.session_state["diagnose.zip"],
            "pneumo-overlays.zip",
            "application/zip",
            key="diagnose.zip_download",
            icon=":material/download:",
            on_click="ignore",
        )
        return
    if not st.button("Prepare overlays", key="diagnose.prepare", icon=":material/layers:", disabled=not readable):
        return
    bar, pictures = st.progress(0.0, "Explaining ..."), []
    for done, (file, found) in enumerate(readable, 1):
        pictures.append((found, heatmaps_of(run, file, found)))
        bar.progress(done / len(readable), f"Explaining {done} of {len(readable)} ...")
    st.session_state["diagnose.zip"] = diagnosis.overlays_zip(pictures)
    st.session_state["diagnose.zip_of"] = ready
    st.rerun()


# --- one file ---------------------------------------------------------------------------------------------


def show_one(run: Run, files: list[Example], results: list[Diagnosis], threshold: float) -> None:
    """The opened file: picture with its controls on the left, what the model says on the right."""
    if st.session_state.get("diagnose.open", 0) not in range(len(files)):
        st.session_state["diagnose.open"] = 0
    index = st.selectbox(
        "Open file",
        range(len(files)),
        format_func=lambda n: f"{n + 1}. {files[n].name}",
        key="diagnose.open",
        disabled=len(files) == 1,
    )
    file, found = files[index], results[index]
    if found.error:
        st.error(f"**{_ui.plain(file.name)}** was not read: {_ui.plain(found.error)}", icon=":material/block:")
        return
    left, right = st.columns([5, 4], gap="large")
    with left:
        show_picture(run, file, found)
    with right:
        show_answer(run, file, found, threshold)


def show_picture(run: Run, file: Example, found: Diagnosis) -> None:
    """The radiograph with window, inversion and heatmap."""
    picture = st.empty()
    first, second, third = st.columns(3)
    heat_on = first.toggle("Heatmap", key="diagnose.heatmap", help="Grad-CAM: which places spoke for the class.")
    invert = second.toggle("Invert", key="diagnose.invert")
    as_seen = third.toggle("Model's view", key="diagnose.seen")
    low, high = st.slider("Window (grey levels shown)", 0, 255, (0, 255), key="diagnose.window")
    source = found.seen if as_seen else found.radiograph.pixels
    shown = figures.windowed(source, low, high, invert)
    height, width = source.shape
    caption = (
        f"{run.card.image.size} x {run.card.image.size} pixels, as the model sees it"
        if as_seen
        else f"{width} x {height} pixels"
    )
    if heat_on:
        target = st.radio("Evidence for", CLASS_NAMES[::-1], horizontal=True, key="diagnose.target")
        one, two = st.columns(2)
        opacity = one.slider("Opacity", 0.0, 1.0, 0.6, 0.05, key="diagnose.opacity")
        floor = two.slider("Floor", 0.0, 0.9, 0.15, 0.05, key="diagnose.floor", help="Weaker evidence stays clear.")
        heat = heatmaps_of(run, file, found)[target]
        caption += f", evidence for {target}"
        if heat.has_evidence:
            shown = figures.overlay(shown, heat.values, opacity, floor)
        else:
            st.info(
                f"No positive evidence for {target}: no place in this picture spoke for it.",
                icon=":material/visibility_off:",
            )
        st.caption(
            "1 is the strongest evidence for either class in this picture. The map is coarse "
            f"({heat.cells.shape[0]} x {heat.cells.shape[1]} cells) and shows what the model used, not where the disease is."
        )
    picture.image(shown, caption=caption, width="stretch")


def show_answer(run: Run, file: Example, found: Diagnosis, threshold: float) -> None:
    """Label, probability, how sure that is, and what was noticed about the file."""
    label = diagnosis.label_of(found.probability, threshold)
    st.markdown(_ui.label_html(label), unsafe_allow_html=True)
    st.markdown(
        f"**Probability of pneumonia {_ui.plain(_ui.chance(found.probability))}**, threshold {threshold:.3f} ({run.card.name})"
    )
    st.plotly_chart(
        figures.probability_bar(found.probability, threshold, run.card.indeterminate, found.stability),
        key="diagnose.bar",
        config={"displayModeBar": False},
    )
    st.caption(
        f"◆ this file · dashed: threshold · grey bar: {_ui.plain(_ui.chance(found.stability.low))} to {_ui.plain(_ui.chance(found.stability.high))} when the picture "
        "is mirrored, turned, moved, blurred, lightened or darkened a little · grey zone: indeterminate"
    )
    if diagnosis.is_indeterminate(run.card.indeterminate, found.probability):
        band = run.card.indeterminate
        st.warning(
            f"Indeterminate: between {band.low:.3f} and {band.high:.3f} the model could not tell validation patients apart.",
            icon=":material/help:",
        )
    if diagnosis.label_of(found.stability.low, threshold) != diagnosis.label_of(found.stability.high, threshold):
        st.warning("Unstable: small harmless changes of the picture change the label.", icon=":material/swap_horiz:")
    known = _ui.load_validation(run.card.name)
    near = evaluation.similar_cases(known.labels, known.probabilities, found.probability)
    st.markdown(
        "The model rated too few validation radiographs like this one to say how often such a rating is right."
        if near is None
        else f"Of the {near.n} validation radiographs the model rated most alike ({_ui.plain(_ui.chance(near.low))} to {_ui.plain(_ui.chance(near.high))}), "
        f"**{near.positive} had pneumonia** ({_ui.percent(near.positive / near.n, 0)}, 95% interval "
        f"{_ui.percent(near.ci95.low, 0)} to {_ui.percent(near.ci95.high, 0)})."
    )
    for caution in found.cautions:
        st.warning(caution.message, icon=":material/warning:")
    if file.label in (0, 1):
        kind = "This phantom was drawn as" if file.synthetic else "The data set says"
        st.markdown(f"{kind} **{_ui.SYMBOLS[file.label_name]} {file.label_name}**.")


# --- trust ------------------------------------------------------------------------------------------------


def show_trust(run: Run, results: list[Diagnosis], threshold: float) -> None:
    with st.expander("How far to trust this", icon=":material/verified_user:"):
        known = _ui.load_validation(run.card.name)
        marks = [found.probability for found in results if found.error is None]
        st.markdown(
            f"What {run.card.name} said of {len(known.labels)} validation radiographs, whose patients it never saw in training, "
            "and of your files:"
        )
        st.plotly_chart(
            figures.probability_histogram(known.labels, known.probabilities, threshold, marks), key="diagnose.histogram"
        )
        st.markdown("\n".join(f"- {text}" for text in (run.card.intended_use, *run.card.limits)))
        st.page_link("pages/evidence.py", label="All the evidence", icon=":material/monitoring:")


main()
