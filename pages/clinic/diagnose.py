"""Diagnose: radiographs in, probability, label at a threshold, heatmap, and how far to trust it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pandas as pd
import streamlit as st

from pages import shared
from pneumo import plots
from pneumo.images import overlays
from pneumo.inference import batch, diagnosis, examples, input_check
from pneumo.inference.examples import Example
from pneumo.metrics import calibration, classification, significance
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, Diagnosis, Interval, PneumoError, Predictions

RESULTS = "diagnose.results"  # session_state: (weights hash, content hash) -> Diagnosis; of this visitor only
HEATMAPS = "diagnose.heatmaps"
FILES = (
    "diagnose.files"  # what the visitor uploaded or fetched: it outlasts a look at another page, the uploader does not
)
CHOSEN = "diagnose.chosen"  # (run, threshold, preset), for the same reason
ZIP, ZIP_OF = "diagnose.zip", "diagnose.zip_of"
SPLITS = {
    "test": "internal test",
    "validation": "validation",
}  # in the order of preference: validation chose the thresholds
VIEW = {  # how the picture is shown, and what it starts with
    "diagnose.heatmap": False,
    "diagnose.invert": False,
    "diagnose.seen": False,
    "diagnose.window": (0, 255),
}
HEAT = {"diagnose.target": CLASS_NAMES[1], "diagnose.opacity": 0.6, "diagnose.floor": 0.15}
PHANTOMS = "phantoms"
EXAMPLES = (PHANTOMS, "generated")
FEW = 5  # reasons of refusals that are shown without being asked for


def main() -> None:
    st.title("Diagnose")
    st.caption(
        f"{shared.DISCLAIMER} What is uploaded stays in this session's memory and is gone when it ends or when you remove it."
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
            on_change=take_uploads,
            help="PNG, JPEG, WebP, BMP, TIFF or DICOM, up to 50 MB each. Several at once are fine.",
        )
    with right:
        files = st.session_state.get(FILES, [])
        phantoms = not files and choose_examples() == PHANTOMS
        # Another key for phantoms: a choice made for one kind of picture is not carried over to the other.
        run = shared.pick_run("diagnose.run_phantoms" if phantoms else "diagnose.run", for_phantoms=phantoms)
        st.caption("\n".join(shared.plain(limit) for limit in run.card.limits[:1]))
        if st.button(
            "Fetch four real cases",
            key="diagnose.fetch",
            icon=":material/cloud_download:",
            disabled=bool(uploads),
            help="Streams four radiographs of the public Guangzhou test set from the Hugging Face hub.",
        ):
            fetch_hub()
    if phantoms:
        introduce_phantoms(run)
        return run, shared.phantom_examples()
    if not files:
        introduce_generated()
        return run, shared.generated_examples()
    if not uploads:
        told, back = st.columns([5, 2], vertical_alignment="center")
        told.info(
            "Four real cases from the hub. Upload files of your own to replace them."
            if files[0].label >= 0
            else f"Your {len(files)} {'file' if len(files) == 1 else 'files'} from before. Upload others to replace them.",
            icon=":material/public:" if files[0].label >= 0 else ":material/history:",
        )
        back.button("Back to the phantoms", key="diagnose.back", icon=":material/undo:", on_click=forget_files)
    return run, files


def choose_examples() -> str:
    """Which built-in pictures are shown while nothing is uploaded."""
    if not shared.generated_examples():
        return PHANTOMS
    shared.keep("diagnose.examples", PHANTOMS, EXAMPLES)
    return st.segmented_control("Examples, until you upload", EXAMPLES, key="diagnose.examples", required=True)


def take_uploads() -> None:
    """Called when the visitor adds or removes files, not when the uploader comes back empty from another page."""
    uploads = st.session_state["diagnose.upload"]
    st.session_state[FILES] = [Example(file.name, file.getvalue(), -1, synthetic=False) for file in uploads]


def forget_files() -> None:
    st.session_state.pop(FILES, None)


def introduce_phantoms(run: Run) -> None:
    taught = shared.knows_phantoms(run.card.name)
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


def introduce_generated() -> None:
    st.info(
        "Nothing uploaded yet: these are **synthetic radiographs of nobody**, drawn by a network that learned from children's radiographs (page GAN). "
        "They look like radiographs to the models, and what the models say of them is true of no person.",
        icon=":material/draw:",
    )


def fetch_hub() -> None:
    """Starts the page again with the cases, or says why there are none."""
    try:
        with st.spinner("Asking the hub ..."):
            st.session_state[FILES] = examples.hub_examples()
    except PneumoError as error:
        st.warning(f"No real cases: {shared.plain(str(error))}", icon=":material/cloud_off:")
        return
    st.rerun()


def read_all(run: Run, files: list[Example]) -> list[Diagnosis]:
    """A Diagnosis for each file, each made once; those of files that are gone are forgotten."""
    known, guard = st.session_state.get(RESULTS, {}), shared.the_input_check()
    keys = [result_key(run, file) for file in files]
    missing = [n for n, key in enumerate(keys) if key not in known]
    bar = st.progress(0.0, "Reading ...") if len(missing) > 3 else None
    fresh = {}
    for done, n in enumerate(missing, 1):
        fresh[keys[n]] = diagnosis.diagnose(
            run, files[n].data, files[n].name, synthetic=files[n].synthetic, generated=files[n].generated, check=guard
        )
        if bar:
            bar.progress(done / len(missing), f"Reading {done} of {len(missing)} ...")
    if bar:
        bar.empty()
    known = {key: known[key] if key in known else fresh[key] for key in keys}
    st.session_state[RESULTS] = known
    heatmaps = st.session_state.get(HEATMAPS, {})
    st.session_state[HEATMAPS] = {key: heatmaps[key] for key in keys if key in heatmaps}
    # A choice against the gate is laid over the result, so that taking it back costs nothing.
    chosen = shared.overridden()
    chosen &= {digest_of(file) for file in files}
    return [replace(known[key], overridden=key[1] in chosen) for key in keys]


def digest_of(file: Example) -> str:
    return hashlib.sha256(file.data).hexdigest()


def result_key(run: Run, file: Example) -> tuple[str, str, str]:
    return run.card.weights.sha256, digest_of(file), file.name


def heatmaps_of(run: Run, file: Example, result: Diagnosis) -> dict[str, diagnosis.Heatmap]:
    """Both classes' heatmaps, computed once for this visitor."""
    kept = st.session_state[HEATMAPS]
    key = result_key(run, file)
    if key not in kept:
        kept[key] = diagnosis.explain(run, result)
    return kept[key]


# --- the threshold ----------------------------------------------------------------------------------------


def choose_threshold(run: Run) -> float:
    """The slider and its presets, kept in step; what to expect at that threshold beside them."""
    points = {point.name: point for point in run.card.operating_points}
    restore_threshold(run)

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
        shared.keep("diagnose.prevalence", 30)
        prevalence = st.slider(
            "Prevalence of pneumonia among those X-rayed",
            1,
            99,
            key="diagnose.prevalence",
            format="%d%%",
        )
    show_expectation(run, threshold, prevalence / 100)
    return threshold


def restore_threshold(run: Run) -> None:
    """The visitor's own threshold and preset, also after a look at another page; the run's default for another run."""
    state = st.session_state
    name, threshold, preset = state.get(CHOSEN, ("", 0.0, None))
    if name != run.card.name:
        threshold, preset = run.card.point().threshold, run.card.default_point
        state["diagnose.threshold"], state["diagnose.preset"] = threshold, preset
    elif "diagnose.threshold" not in state:
        state["diagnose.threshold"], state["diagnose.preset"] = threshold, preset
    state[CHOSEN] = run.card.name, state["diagnose.threshold"], state.get("diagnose.preset")


def best_known(name: str) -> tuple[str, Predictions]:
    """The held-out patients with the least share in any choice, and what they are called."""
    predictions = shared.load_predictions(name)
    split = next(split for split in SPLITS if (predictions.splits == split).any())
    return split, predictions.split(split)


def show_expectation(run: Run, threshold: float, prevalence: float) -> None:
    """Sensitivity, specificity, PPV and NPV at this threshold, for a prevalence the visitor sets."""
    split, known = best_known(run.card.name)
    counts = classification.confusion(known.labels, known.probabilities, threshold)
    positive, healthy = counts["tp"] + counts["fn"], counts["tn"] + counts["fp"]
    result = classification.rates(counts)
    ppv, npv = predictive_values(result, prevalence)
    ends = {
        "sensitivity": significance.wilson(counts["tp"], positive),
        "specificity": significance.wilson(counts["tn"], healthy),
    }
    # A hundred of a hundred right is not certainty: what the lower ends of both intervals would give stands beneath.
    low_ppv, low_npv = predictive_values({key: end and end.low for key, end in ends.items()}, prevalence)
    tiles = (
        ("Sensitivity", result["sensitivity"], "Of radiographs with pneumonia, the share called PNEUMONIA.",
         interval_text(ends["sensitivity"], positive)),
        ("Specificity", result["specificity"], "Of radiographs without, the share called NORMAL.",
         interval_text(ends["specificity"], healthy)),
        ("PPV", ppv, "Of those called PNEUMONIA, the share that has it.", f"at a prevalence of {prevalence:.0%}; {shared.percent(low_ppv)} at the intervals' lower ends"),
        ("NPV", npv, "Of those called NORMAL, the share that has none.", f"at a prevalence of {prevalence:.0%}; {shared.percent(low_npv)} at the intervals' lower ends"),
    )  # fmt: skip
    for column, (title, value, text, note) in zip(st.columns(4), tiles, strict=True):
        column.metric(title, shared.percent(value), help=text, border=True)
        column.caption(note)
    st.caption(
        f"Expected from {len(known.labels)} {SPLITS[split]} radiographs ({run.card.name}), "
        + (
            "which took no part in choosing the thresholds"
            if split == "test"
            else "which chose the thresholds too, so that these figures flatter"
        )
        + "; elsewhere expect less, specificity above all."
    )


def predictive_values(result: dict[str, float | None], prevalence: float) -> tuple[float | None, float | None]:
    """(PPV, NPV); None where one class is missing."""
    sensitivity, specificity = result["sensitivity"], result["specificity"]
    if sensitivity is None or specificity is None:
        return None, None
    return classification.predictive_values(sensitivity, specificity, prevalence)


def interval_text(interval: Interval | None, n: int) -> str:
    return (
        "n = 0"
        if interval is None
        else f"95%: {shared.percent(interval.low)} to {shared.percent(interval.high)}, n = {n}"
    )


# --- all files --------------------------------------------------------------------------------------------


def show_table(run: Run, files: list[Example], results: list[Diagnosis], threshold: float) -> None:
    """One row a file, and the downloads."""
    st.subheader(f"{len(files)} {'file' if len(files) == 1 else 'files'}", divider="gray")
    rows, names = batch.table(run, results, threshold), numbered(files)
    shown = pd.DataFrame(rows)[["file", "label", "probability", "note"]].astype({"probability": float, "label": object})
    shown["label"] = shown["label"].fillna("")
    picked = st.dataframe(
        # As text the column would be sorted by its letters: the numbers stay, and are only written by the rule.
        shown.style.format({"probability": lambda value: "" if pd.isna(value) else shared.probability(value)}),
        key="diagnose.table",
        hide_index=True,
        on_select=lambda: open_selected(names),
        selection_mode="single-row",
        placeholder="–",
        column_config={
            "file": st.column_config.TextColumn("File", width=210),
            "label": st.column_config.TextColumn("Label", width=95),
            "probability": st.column_config.NumberColumn("Probability", width=80),
            "note": st.column_config.TextColumn("Note", width="large"),
        },
    )
    del picked  # the selection is read in the callback
    show_refusals(results)
    left, middle, _ = st.columns([1, 1, 2])
    left.download_button(
        "Table as CSV",
        batch.table_csv(rows),
        "pneumo.csv",
        "text/csv",
        key="diagnose.csv",
        icon=":material/download:",
        on_click="ignore",
    )
    with middle:
        offer_overlays(run, files, results)


def show_refusals(results: list[Diagnosis]) -> None:
    """Every file that was not read, with its reason in full."""
    refused = [result for result in results if result.error]
    if not refused:
        return
    title = f"{len(refused)} {'file was' if len(refused) == 1 else 'files were'} not read"
    with st.expander(title, expanded=len(refused) <= FEW, icon=":material/block:"):
        st.markdown("\n".join(f"- **{shared.plain(result.name)}**: {shared.plain(result.error)}" for result in refused))


def numbered(files: list[Example]) -> list[str]:
    """A name for each file that no other file of the list has."""
    return [f"{number}. {file.name}" for number, file in enumerate(files, 1)]


def open_selected(names: list[str]) -> None:
    """A click on a row opens that file below."""
    rows = st.session_state["diagnose.table"]["selection"]["rows"]
    if rows and rows[0] < len(names):
        st.session_state["diagnose.open"] = names[rows[0]]


def offer_overlays(run: Run, files: list[Example], results: list[Diagnosis]) -> None:
    """Heatmaps of all files as a zip: made on request, because each costs a pass through the model."""
    readable = [(file, result) for file, result in zip(files, results, strict=True) if result.error is None]
    ready = tuple(result_key(run, file) for file, _ in readable)
    if st.session_state.get(ZIP_OF) != ready:  # of files that are gone: forgotten with them
        st.session_state.pop(ZIP, None)
    if ZIP in st.session_state:
        st.download_button(
            "Overlays as ZIP",
            st.session_state[ZIP],
            "pneumo-overlays.zip",
            "application/zip",
            key="diagnose.zip_download",
            icon=":material/download:",
            on_click="ignore",
        )
        return
    if not st.button("Prepare overlays", key="diagnose.prepare", icon=":material/layers:", disabled=not readable):
        return
    bar, images = st.progress(0.0, "Explaining ..."), []
    for done, (file, result) in enumerate(readable, 1):
        images.append((result, heatmaps_of(run, file, result)))
        bar.progress(done / len(readable), f"Explaining {done} of {len(readable)} ...")
    st.session_state[ZIP], st.session_state[ZIP_OF] = batch.overlays_zip(images), ready
    st.rerun()


# --- one file ---------------------------------------------------------------------------------------------


def show_one(run: Run, files: list[Example], results: list[Diagnosis], threshold: float) -> None:
    """The opened file: picture with its controls on the left, what the model says on the right."""
    names = numbered(files)  # names, not positions: the browser would go on showing the name of the former list
    shared.keep("diagnose.open", names[0], names)
    index = names.index(st.selectbox("Open file", names, key="diagnose.open", disabled=len(files) == 1))
    file, result = files[index], results[index]
    if result.error:
        st.error(f"**{shared.plain(file.name)}** was not read: {shared.plain(result.error)}", icon=":material/block:")
        return
    left, right = st.columns([5, 4], gap="large")
    with left:
        show_image(run, file, result)
    with right:
        show_result(run, file, result, threshold)
    show_place(result)


def show_image(run: Run, file: Example, result: Diagnosis) -> None:
    """The radiograph with window, inversion and heatmap."""
    shared.keep_all(VIEW)
    image = st.empty()
    first, second, third = st.columns(3)
    heat_on = first.toggle("Heatmap", key="diagnose.heatmap", help="Grad-CAM: which places spoke for the class.")
    invert = second.toggle("Invert", key="diagnose.invert")
    as_seen = third.toggle("Model's view", key="diagnose.seen")
    low, high = st.slider("Window (grey levels shown)", 0, 255, key="diagnose.window")
    source = result.seen if as_seen else result.radiograph.pixels
    shown = overlays.windowed(source, low, high, invert)
    height, width = source.shape
    caption = (
        f"{run.card.image.size} x {run.card.image.size} pixels, as the model sees it"
        if as_seen
        else f"{width} x {height} pixels"
    )
    if heat_on:
        shared.keep_all(HEAT)
        target = st.radio("Evidence for", CLASS_NAMES[::-1], horizontal=True, key="diagnose.target")
        one, two = st.columns(2)
        opacity = one.slider("Opacity", 0.0, 1.0, step=0.05, key="diagnose.opacity")
        floor = two.slider("Floor", 0.0, 0.9, step=0.05, key="diagnose.floor", help="Weaker evidence stays clear.")
        heat = heatmaps_of(run, file, result)[target]
        caption += f", evidence for {target}"
        if heat.has_evidence:
            shown = overlays.overlay(shown, heat.values, opacity, floor)
        else:
            st.info(
                f"No positive evidence for {target}: no place in this picture spoke for it.",
                icon=":material/visibility_off:",
            )
        st.caption(
            "1 is the strongest evidence for either class in this picture. The map is coarse "
            f"({heat.cells.shape[0]} x {heat.cells.shape[1]} cells) and shows what the model used, not where the disease is."
        )
    image.image(shown, caption=caption, width="stretch")


def show_result(run: Run, file: Example, result: Diagnosis, threshold: float) -> None:
    """Label, probability, how sure that is, and what was noticed about the file."""
    label = diagnosis.label_for(result, threshold)
    if label is None:
        show_no_result(result)
    else:
        st.markdown(shared.label_html(label), unsafe_allow_html=True)
        show_probability(run, result, threshold)
    if diagnosis.is_refused(result):
        offer_override(file, result)
    for text in diagnosis.input_check_warnings(result):
        st.warning(text, icon=":material/door_open:")
    for warning in result.warnings:
        st.warning(warning.message, icon=":material/warning:")
    if file.label in (0, 1):
        kind = (
            "The network was asked for"
            if file.generated
            else "This phantom was drawn as"
            if file.synthetic
            else "The data set says"
        )
        st.markdown(f"{kind} **{shared.SYMBOLS[file.label_name]} {file.label_name}**.")


def show_no_result(result: Diagnosis) -> None:
    st.error(
        f"**No answer: {diagnosis.no_result(result)}.** The model gives every picture a probability, this one "
        f"{shared.plain(shared.probability(result.probability))}; of such a picture it means nothing.",
        icon=":material/do_not_disturb_on:",
    )


def offer_override(file: Example, result: Diagnosis) -> None:
    """The choice against the gate; it is seen in the table and written into the CSV."""
    key, digest = f"diagnose.override.{digest_of(file)[:12]}", digest_of(file)
    st.session_state[key] = result.overridden

    def take() -> None:
        (shared.overridden().add if st.session_state[key] else shared.overridden().discard)(digest)

    st.checkbox(
        "It is one: answer all the same",
        key=key,
        on_change=take,
        help="The gate refuses about one real radiograph in a hundred. Your choice is written into the table and the CSV.",
    )


def show_probability(run: Run, result: Diagnosis, threshold: float) -> None:
    """The probability, how it stands to threshold and band, and how often one like it was right."""
    st.markdown(
        f"**Probability of pneumonia {shared.plain(shared.probability(result.probability))}**, threshold {threshold:.3f} ({run.card.name})"
    )
    st.plotly_chart(
        plots.probability_bar(result.probability, threshold, run.card.indeterminate, result.stability),
        key="diagnose.bar",
        config={"displayModeBar": False},
    )
    st.caption(
        f"◆ this file · dashed: threshold · grey bar: {shared.plain(shared.probability(result.stability.low))} to {shared.plain(shared.probability(result.stability.high))} when the picture "
        "is mirrored, turned, moved, blurred, lightened or darkened a little · grey zone: indeterminate"
    )
    if diagnosis.is_indeterminate(run.card.indeterminate, result.probability):
        band = run.card.indeterminate
        st.warning(
            f"Indeterminate: between {band.low:.3f} and {band.high:.3f} the model could not tell validation patients apart.",
            icon=":material/help:",
        )
    if diagnosis.label_of(result.stability.low, threshold) != diagnosis.label_of(result.stability.high, threshold):
        st.warning("Unstable: small harmless changes of the picture change the label.", icon=":material/swap_horiz:")
    known = shared.load_validation(run.card.name)
    near = calibration.similar_cases(known.labels, known.probabilities, result.probability)
    st.markdown(
        "The model rated too few validation radiographs like this one to say how often such a rating is right."
        if near is None
        else f"Of the {near.n} validation radiographs the model rated most alike ({shared.plain(shared.probability(near.low))} to {shared.plain(shared.probability(near.high))}), "
        f"**{near.positive} had pneumonia** ({shared.percent(near.positive / near.n, 0)}, 95% interval "
        f"{shared.percent(near.ci95.low, 0)} to {shared.percent(near.ci95.high, 0)})."
    )


def show_place(result: Diagnosis) -> None:
    """Where the picture lies among the radiographs the gate was fitted to."""
    guard = shared.the_input_check()
    if guard is None or result.assessment is None:
        return
    with st.expander(
        "Is it a chest radiograph? Where this picture lies",
        icon=":material/door_open:",
        expanded=diagnosis.is_refused(result),
    ):
        about = guard.about
        for column, name in zip(st.columns(len(input_check.SCORES)), input_check.SCORES, strict=True):
            column.plotly_chart(
                plots.input_check_histogram(
                    about.validation[name],
                    about.limits[name].typical,
                    about.limits[name].refused,
                    result.assessment.scores[name],
                    input_check.TITLES[name],
                ),
                key=f"diagnose.gate.{name}",
                config={"displayModeBar": False},
            )
        st.caption(
            f"Bars: {about.n_validation} validation radiographs. ◆ this picture. Dotted: from here on unusual. Dashed: from here on refused. Distance in the features of "
            f"{about.encoder}; reconstruction by {about.autoencoder}." + measured_text(about)
        )


def measured_text(about: input_check.About) -> str:
    """The gate's two rates on pictures that set none of its limits."""
    result = about.measured
    if result is None:
        return ""
    return (
        f" On {result.accepted.n} internal test radiographs it lets in {result.accepted.value:.1%} (95%: {result.accepted.ci95.low:.1%} to {result.accepted.ci95.high:.1%}); of other "
        f"pictures (photographs, plots, text, noise, radiographs turned or cropped) it refuses {result.refused_mean:.1%}, mean of {len(result.refused)} kinds."
    )


# --- trust ------------------------------------------------------------------------------------------------


def show_trust(run: Run, results: list[Diagnosis], threshold: float) -> None:
    with st.expander("How far to trust this", icon=":material/verified_user:"):
        known = shared.load_validation(run.card.name)
        marks = [result.probability for result in results if diagnosis.label_for(result, threshold)]
        st.markdown(
            f"What {run.card.name} said of {len(known.labels)} validation radiographs, whose patients it never saw in training, "
            "and of your files:"
        )
        st.plotly_chart(
            plots.probability_histogram(known.labels, known.probabilities, threshold, marks), key="diagnose.histogram"
        )
        st.markdown("\n".join(f"- {text}" for text in (run.card.intended_use, *run.card.limits)))
        st.page_link("pages/evidence/results.py", label="All results", icon=":material/monitoring:")


main()
