"""The command line: python -m pneumo data | train | ensemble | evaluate | robustness | predict | explain | sample |
reconstruct | quality | latent | gate | card | runs.

Results go to stdout, progress and messages to stderr. Exit codes: 0 fine, 1 some file failed, 2 usage.
Heavy imports happen inside the commands, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pneumo.codec import encode
from pneumo.formatting import probability
from pneumo.schema import HEATMAP_METHODS, Metrics, PneumoError

FINE, SOME_FAILED, USAGE = 0, 1, 2
SPLITS = ("train", "validation", "test")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    options = _parse(arguments)
    try:
        return options.run_command(options)
    except PneumoError as error:
        print(f"pneumo {options.command}: {error}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:  # the reader (head, less) has seen enough
        sys.stderr.close()
        return FINE


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options. argparse takes positional lists in one place only; `train` takes key=value anywhere."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if options.command == "train" and all("=" in word and word[0] != "-" for word in rest):
        options.overrides += rest
        return options
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pneumo", description=__import__("pneumo").__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = _add(commands, "data", _data, "counts, sizes, imbalance, duplicates, patients across splits")
    command.add_argument("source", metavar="SOURCE", help="a folder, hub:<dataset id>, or phantom[:count[:seed]]")

    command = _add(commands, "train", _train, "train a recipe and save a run", with_json=False)
    command.add_argument("recipe", metavar="RECIPE", help="a recipe's name; a wrong one lists them")
    command.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="fields to change, e.g. epochs=5 image_size=64; folds=5 and seeds=3 train several times, and "
        "sweep.FIELD=A,B,C once for every value, each with a table of results",
    )
    command.add_argument("--data", metavar="SOURCE", help="default: the recipe's, which is phantom")
    command.add_argument("--out", type=Path, metavar="DIR", help="default: runs/RECIPE")
    command.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out, where there is one")

    command = _add(commands, "ensemble", _ensemble, "average the probabilities of several runs", with_json=False)
    command.add_argument("runs", nargs="+", metavar="RUN", help="two runs or more, trained on the same patients")
    command.add_argument("--data", required=True, metavar="SOURCE", help="the source the members were trained on")
    command.add_argument("--out", type=Path, metavar="DIR", help="default: runs/ensemble")

    command = _add(
        commands, "evaluate", _evaluate, "measure a run on every image of SOURCE (its test split if it has splits)"
    )
    command.add_argument(
        "run", nargs="?", metavar="RUN", help="a name in weights/ or a folder; default: the default run"
    )
    command.add_argument("--data", required=True, metavar="SOURCE")
    command.add_argument("--threshold", type=_probability, help="default: the run's default operating point")
    command.add_argument(
        "--split", "--part", dest="split", choices=SPLITS, help="only these patients, divided as the run's recipe did"
    )
    command.add_argument("--flip", action="store_true", help="average each picture with its mirror image")

    command = _add(
        commands, "robustness", _robustness, "spoil held-out radiographs in twelve ways and see what a run loses"
    )
    command.add_argument("run", nargs="?", metavar="RUN")
    command.add_argument("--data", required=True, metavar="SOURCE", help="the source the run was trained on")
    command.add_argument("--split", "--part", dest="split", choices=SPLITS[1:], default="validation")
    command.add_argument("--images", type=int, default=0, metavar="N", help="at most so many images; default: all")
    command.add_argument(
        "--adopt",
        action="store_true",
        help="write robustness.json into the run's folder and make the threshold found its default one",
    )

    command = _add(commands, "predict", _predict, "one line for every file; one bad file never stops the rest")
    command.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    command.add_argument("--run", metavar="RUN")
    command.add_argument("--threshold", type=_probability, help="default: the run's default operating point")
    command.add_argument(
        "--override-input-check",
        action="store_true",
        help="answer also where the gate takes a picture for no chest radiograph; the output says so",
    )

    command = _add(commands, "explain", _explain, "write a heatmap over a radiograph as PNG", with_json=False)
    command.add_argument("path", type=Path, metavar="PATH")
    command.add_argument("--out", type=Path, required=True, metavar="FILE")
    command.add_argument("--run", metavar="RUN")
    command.add_argument("--method", choices=HEATMAP_METHODS, default=HEATMAP_METHODS[0])
    command.add_argument("--target", choices=["NORMAL", "PNEUMONIA"], default="PNEUMONIA", help="the class to explain")

    command = _add(commands, "sample", _sample, "draw radiographs with a GAN, as one PNG sheet", with_json=False)
    command.add_argument("run", metavar="RUN")
    command.add_argument("--count", type=int, default=16, metavar="N")
    command.add_argument("--seed", type=int, default=0, help="the same seed gives the same radiographs")
    command.add_argument("--class", dest="wanted", choices=["NORMAL", "PNEUMONIA"], help="default: all the run knows")
    command.add_argument("--out", type=Path, required=True, metavar="FILE")

    command = _add(
        commands, "reconstruct", _reconstruct, "a radiograph, what an autoencoder makes of it, and the error", with_json=False
    )  # fmt: skip
    command.add_argument("path", type=Path, metavar="PATH")
    command.add_argument("--out", type=Path, required=True, metavar="FILE")
    command.add_argument("--run", required=True, metavar="RUN", help="a run of an autoencoder")

    command = _add(
        commands, "quality", _quality, "how far a GAN's radiographs are from held-out ones, and from training's"
    )
    command.add_argument("run", metavar="RUN")
    command.add_argument("--data", required=True, metavar="SOURCE", help="the source the run was trained on")
    command.add_argument("--encoder", metavar="RUN", help="whose features are compared; default: resnet18_frozen")
    command.add_argument("--classifier", metavar="RUN", help="who reads the samples; default: the default run")
    command.add_argument("--seeds", type=int, default=3, metavar="N")
    command.add_argument(
        "--images", type=int, default=0, metavar="N", help="at most so many of each kind; default: all"
    )
    command.add_argument("--crossed", action="store_true", help="train on generated and test on real, and the reverse")
    command.add_argument("--save", action="store_true", help="write quality.json into the run's folder")

    command = _add(
        commands, "latent", _latent, "what an autoencoder keeps of held-out radiographs, beside components and JPEG"
    )
    command.add_argument("run", metavar="RUN", help="a run of an autoencoder")
    command.add_argument(
        "--data", metavar="SOURCE", help="the source the run was trained on; default: what was measured last"
    )
    command.add_argument(
        "--save", action="store_true", help="write latent.json and latent.safetensors into the run's folder"
    )

    command = _add(
        commands,
        "input-check",
        _input_check,
        "the gate before a diagnosis: its rates on held-out radiographs and on other pictures",
    )
    command.add_argument("--data", metavar="SOURCE", help="measure on this source; default: what was measured last")
    command.add_argument("--fit", action="store_true", help="fit distributions and thresholds to SOURCE first")
    command.add_argument("--encoder", metavar="RUN", help="whose features are looked at, with --fit")
    command.add_argument("--autoencoder", metavar="RUN", help="whose reconstruction is looked at, with --fit")
    command.add_argument(
        "--save", type=Path, nargs="?", const=Path(), metavar="DIR", help="keep it; default: weights/gate"
    )

    command = _add(commands, "card", _card, "a run's model card as Markdown, in the form of the hub", with_json=False)
    command.add_argument("run", nargs="?", metavar="RUN", help="default: the default run")
    command.add_argument("--out", type=Path, metavar="FILE", help="default: stdout")

    _add(commands, "runs", _runs, "what is in weights/")
    return parser


def _add(
    commands: Any, name: str, function: Callable[[argparse.Namespace], int], summary: str, *, with_json: bool = True
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=summary)
    command.set_defaults(run_command=function)
    if with_json:
        command.add_argument("--json", action="store_true", help="one JSON document on stdout, nothing else there")
    return command


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no probability; expected 0 to 1")
    return value


def _print_json(value: Any) -> None:
    print(json.dumps(encode(value), indent=2))


def _bar(description: str, unit: str = "image") -> Callable[[int, int], None]:
    """A progress bar on stderr for callbacks (done, total); silent where stderr is no terminal."""
    from tqdm import tqdm

    bar = tqdm(desc=description, unit=unit, leave=False, disable=None, file=sys.stderr)

    def update(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return update


# --- data -------------------------------------------------------------------------------------------------


def _data(options: argparse.Namespace) -> int:
    from pneumo import data

    result = data.audit(data.open_source(options.source), _bar("reading"))
    if options.json:
        _print_json(result)
    else:
        _print_audit(result)
    return SOME_FAILED if result["unreadable"] else FINE


def _print_audit(result: dict[str, Any]) -> None:
    print(f"{result['source']}: {result['images']} images of {result['patients']} patients ({result['licence']})")
    for name, count in result["classes"].items():
        print(f"  {name:<10} {count:>6}  {count / result['images']:.1%}")
    print(f"  imbalance  {result['imbalance']:.2f} to 1")
    print("splits:     " + ", ".join(f"{s} {sum(c.values())}" for s, c in result["splits"].items()))
    print("subtypes:   " + ", ".join(f"{name} {n}" for name, n in result["subtypes"].items()))
    print("sizes:      " + ", ".join(f"{s['width']}x{s['height']} ({s['images']})" for s in result["sizes"]))
    print(
        f"duplicates: {result['duplicate_groups']} groups, {result['duplicate_images']} images more than needed, "
        f"{result['duplicates_with_two_labels']} with two labels"
    )
    print(f"patients in several splits: {result['patients_in_several_splits']}")
    print(f"unreadable: {len(result['unreadable'])}")
    for name, error in result["unreadable"].items():
        print(f"  {name}: {error}")


# --- train ------------------------------------------------------------------------------------------------


def _train(options: argparse.Namespace) -> int:
    from pneumo import training
    from pneumo.training import recipes

    overrides = list(options.overrides)
    if options.data:
        overrides.append(f"data.source={json.dumps(options.data)}")
    overrides, plan = _plan(overrides)
    recipe = recipes.override(recipes.get(options.recipe), overrides)
    folder = options.out or Path("runs") / recipe.name
    stop = _stop_on_signals()
    if plan:
        return _train_several(recipe, plan, folder, options.resume, stop)
    if options.resume and not training.has_checkpoint(folder):
        print(f"no checkpoint in {folder}: training starts from the beginning", file=sys.stderr)
    try:
        outcome = training.train(
            recipe, folder, resume=options.resume, progress=_TrainingBar(), decoding=_bar("reading images"), stop=stop
        )
    except training.Interrupted:
        print(f"stopped; the checkpoint is in {folder}. Go on with the same command and --resume", file=sys.stderr)
        return SOME_FAILED
    speaks = training.is_main_process()
    training.finish_processes()
    if not speaks:  # one of several processes under `accelerate launch`
        return FINE
    for name, error in outcome.unreadable.items():
        print(f"left out {name}: {error}", file=sys.stderr)
    print(
        f"{folder}: best epoch {outcome.card.best_epoch} of {outcome.card.epochs_run}, {outcome.card.minutes} minutes"
    )
    for split, metrics in outcome.card.metrics.items():
        _print_metrics(split, metrics)
    return FINE


def _plan(words: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Fields to change, and what asks for several trainings: folds=K, seeds=K, sweep.FIELD=A,B,C."""
    plain, plan = [], {}
    for word in words:
        key, _, text = word.partition("=")
        if key in ("folds", "seeds"):
            if not text.isdecimal() or int(text) < 2:
                raise PneumoError(f"{word!r}: expected a whole number of 2 or more, e.g. {key}=3")
            plan[key] = int(text)
        elif key.startswith("sweep."):
            plan.setdefault("sweep", {})[key.removeprefix("sweep.")] = text.split(",")
        else:
            plain.append(word)
    return plain, plan


def _train_several(recipe: Any, plan: dict[str, Any], folder: Path, resume: bool, stop: threading.Event) -> int:
    from pneumo import training
    from pneumo.training import experiments

    planned = experiments.variations(recipe, **plan)

    def started(number: int, total: int, variation: Any) -> None:
        print(f"training {number} of {total}: {variation.name}", file=sys.stderr)

    try:
        rows = experiments.run_all(
            planned,
            folder,
            resume=resume,
            started=started,
            progress=_TrainingBar(),
            decoding=_bar("reading images"),
            stop=stop,
        )
    except training.Interrupted:
        print(f"stopped; what is done is in {folder}. Go on with the same command and --resume", file=sys.stderr)
        return SOME_FAILED
    print(f"{folder / experiments.RESULTS_FILE}: {len(rows)} trainings, validation patients")
    for row in experiments.summarise(rows):
        print("  " + ", ".join(f"{key} {_metric(value)}" for key, value in row.items() if value is not None))
    if plan.get("folds") and not plan.get("seeds") and not plan.get("sweep"):
        _print_metrics("all folds together", experiments.pooled(experiments.out_of_fold(folder, planned)))
    return FINE


def _metric(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _ensemble(options: argparse.Namespace) -> int:
    from pneumo import training

    folder = options.out or Path("runs") / "ensemble"
    card = training.make_ensemble(options.runs, options.data, folder, _bar("reading images"))
    print(f"{folder}: mean of {', '.join(card.members)}")
    for split, metrics in card.metrics.items():
        _print_metrics(split, metrics)
    return FINE


def _stop_on_signals() -> threading.Event:
    """Set by the first Ctrl-C or termination request; a second Ctrl-C stops at once."""
    stop = threading.Event()

    def request(number: int, frame: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("\nstopping after this step, with a checkpoint ...", file=sys.stderr)

    signal.signal(signal.SIGINT, request)
    signal.signal(signal.SIGTERM, request)
    return stop


class _TrainingBar:
    """Steps, images a second, time left and the loss; a line per epoch with the validation figures."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self.bar = tqdm(unit="step", disable=None, file=sys.stderr, leave=False)
        self.rows = 0

    def __call__(self, progress: Any) -> None:
        self.bar.total = progress.epochs * progress.steps
        self.bar.set_description(f"epoch {progress.epoch}/{progress.epochs}")
        self.bar.n = (progress.epoch - 1) * progress.steps + progress.step
        if progress.losses:
            loss = " ".join(f"{name} {value:.3f}" for name, value in progress.losses.items())
            self.bar.set_postfix_str(
                f"{progress.images_per_s:.0f} images/s, {progress.seconds_left:.0f} s left, {loss}"
            )
        if len(progress.history) < self.rows:  # the next training of several
            self.rows = 0
        for row in progress.history[self.rows :]:
            figures = " ".join(
                f"{k.removeprefix('validation_')} {v:.4f}" for k, v in row.items() if k.startswith("validation_")
            )
            self.bar.write(f"epoch {int(row['epoch']):>3}  validation: {figures}", file=sys.stderr)
        self.rows = len(progress.history)


# --- evaluate ---------------------------------------------------------------------------------------------


def _evaluate(options: argparse.Namespace) -> int:

    from pneumo import runs
    from pneumo.inference import evaluation

    run = runs.load(options.run, "classification")
    result = evaluation.evaluate(
        run,
        options.data,
        threshold=options.threshold,
        split=options.split,
        flip=options.flip,
        progress=_bar("reading images"),
    )
    for name, error in result.unreadable.items():
        print(f"left out {name}: {error}", file=sys.stderr)
    if options.json:
        _print_json(
            {"run": run.card.name, "data": result.source} | encode(result.metrics) | {"unreadable": result.unreadable}
        )
    else:
        print(f"{run.card.name} on {result.source} ({result.split})")
        _print_metrics("result", result.metrics)
    return SOME_FAILED if result.unreadable else FINE


def _robustness(options: argparse.Namespace) -> int:
    from pneumo import runs
    from pneumo.inference import robustness

    run = runs.load(options.run, "classification")
    result = robustness.measure(run, options.data, options.split, options.images, _bar("stresses", "set"))
    if options.adopt:
        point = robustness.adopt(run.folder, result)
        robustness.save(run.folder, result)
    if options.json:
        _print_json(result)
        return FINE
    print(
        f"{result.run}: {result.n} {result.split} images of {result.patients} patients, threshold {result.threshold:.3f}"
    )
    for row in result.rows:
        print(
            f"  {row.corruption:<15} {row.severity}  AUROC {row.auroc:.4f} (lost {row.auroc_lost:+.4f})  "
            f"sensitivity {row.sensitivity:.3f}  specificity {row.specificity:.3f}"
        )
    print(f"threshold that does best over all: {result.best_threshold:.3f}")
    if options.adopt:
        print(
            f"adopted {point.threshold:.3f}: sensitivity {point.sensitivity:.3f}, specificity {point.specificity:.3f} on validation"
        )
    if result.family_probe:
        probe = result.family_probe
        print(
            f"file family from features: AUROC {probe.auroc:.3f}, from grey statistics {probe.baseline:.3f} (n = {probe.n})"
        )
    return FINE


def _print_metrics(title: str, metrics: Metrics) -> None:
    print(f"{title}: n = {metrics.n} images of {metrics.patients} patients, threshold {metrics.threshold:.3f}")
    for name in ("accuracy", "sensitivity", "specificity", "precision", "f1", "auroc", "auprc", "brier", "ece"):
        value, interval = getattr(metrics, name), metrics.ci95.get(name)
        text = "not defined" if value is None else f"{value:.3f}"
        print(f"  {name:<12} {text}" + (f"  ({interval.low:.3f} to {interval.high:.3f})" if interval else ""))
    print("  confusion    " + ", ".join(f"{name} {count}" for name, count in metrics.confusion.items()))


# --- predict and explain ----------------------------------------------------------------------------------


def _predict(options: argparse.Namespace) -> int:

    from pneumo import runs
    from pneumo.inference import batch, input_check

    paths = batch.files_below(options.paths)
    run = runs.load(options.run, "classification")
    threshold = run.card.point().threshold if options.threshold is None else options.threshold
    rows, bar = [], _bar("reading", "file")
    guard = input_check.load()
    if guard is None:
        print(f"no gate in {input_check.folder()}: whether these are chest radiographs is not asked", file=sys.stderr)
    results = batch.diagnose_files(run, paths, check=guard, overridden=options.override_input_check)
    for done, (path, result) in enumerate(results, 1):
        rows.append(_prediction(path, result, threshold))
        bar(done, len(paths))
    if options.json:
        _print_json(rows)
    else:
        _print_predictions(rows)
    return SOME_FAILED if any(row["error"] for row in rows) else FINE


def _prediction(path: Path, result: Any, threshold: float) -> dict[str, Any]:

    from pneumo.inference import diagnosis

    return {
        "path": str(path),
        "probability": result.probability,
        "label": diagnosis.label_for(result, threshold),
        "threshold": threshold,
        "warnings": diagnosis.warnings_of(result),
        "error": result.error or _refusal(result),
        "input_check": result.assessment and encode(result.assessment) | {"overridden": result.overridden},
    }


def _refusal(result: Any) -> str | None:
    """A picture that the gate refused has an error like a file that could not be read, unless a person went on."""

    from pneumo.inference import diagnosis

    if not diagnosis.is_refused(result) or result.overridden:
        return None
    return f"{diagnosis.no_result(result)}. If it is one, --override-gate answers all the same"


def _print_predictions(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["error"]:
            print(f"{row['path']}: {'refused' if row['gate'] else 'not read'}: {row['error']}")
            continue
        label = row["label"] or "no answer"
        print(
            f"{row['path']}: {label} (probability {probability(row['probability'])}, threshold {row['threshold']:.3f})"
        )
        for warning in row["warnings"]:
            print(f"  note: {warning}")
    print("For teaching and demonstration; not a medical device.", file=sys.stderr)


def _explain(options: argparse.Namespace) -> int:
    from pneumo import runs
    from pneumo.images import overlays, radiograph
    from pneumo.inference import batch, diagnosis

    [path] = batch.files_below([options.path])[:1] or [options.path]
    if options.path.is_dir():
        raise PneumoError(f"{options.path} is a folder; explain takes one file")
    run = runs.load(options.run, "classification")
    [(_, result)] = batch.diagnose_files(run, [path])
    if result.error:
        print(f"{path}: {result.error}", file=sys.stderr)
        return SOME_FAILED
    heatmap = diagnosis.explain(run, result, options.method)[options.target]
    runs.write(options.out, radiograph.encode_png(overlays.overlay(result.radiograph.pixels, heatmap.values)))
    evidence = "" if heatmap.has_evidence else f"; no positive evidence for {options.target}"
    reason = diagnosis.no_result(result)
    evidence += f"; no answer: {reason}" if reason else ""
    print(f"{options.out}: probability of PNEUMONIA {probability(result.probability)}{evidence}")
    return FINE


# --- sample, reconstruct ----------------------------------------------------------------------------------


def _sample(options: argparse.Namespace) -> int:

    from pneumo import runs
    from pneumo.generators import sampling
    from pneumo.images import sheets

    run = runs.load(options.run, "gan")
    images = sampling.samples(run, options.count, options.seed, options.wanted)
    runs.write(options.out, sheets.png(sheets.grid(images)))
    print(
        f"{options.out}: {len(images)} synthetic radiographs, {options.wanted or ' and '.join(sampling.classes(run))}"
    )
    return FINE


def _reconstruct(options: argparse.Namespace) -> int:
    import numpy as np

    from pneumo import runs
    from pneumo.generators import reconstruction
    from pneumo.images import radiograph, sheets

    run = runs.load(options.run, "reconstruction")
    try:
        pixels = radiograph.read(radiograph.file_bytes(options.path), options.path.name).pixels
    except PneumoError as error:
        print(f"{options.path}: {error}", file=sys.stderr)
        return SOME_FAILED
    result = reconstruction.reconstruct(run, pixels)
    error = (result.error * 255).round().clip(0, 255).astype(np.uint8)
    sheet = sheets.grid(np.stack([result.original, result.result, error]), columns=3)
    runs.write(options.out, sheets.png(sheet))
    print(f"{options.out}: original, reconstruction, error; PSNR {result.psnr:.1f} dB, SSIM {result.ssim:.3f}")
    return FINE


def _quality(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from pneumo import runs, training
    from pneumo.generators import quality

    if options.seeds < 1:
        raise PneumoError(f"--seeds is {options.seeds}; expected 1 or more")
    gan = runs.load(options.run, "gan")
    result = quality.measure(
        gan,
        runs.load(options.encoder or quality.ENCODER, "classification"),
        runs.load(options.classifier, "classification"),
        options.data,
        seeds=options.seeds,
        limit=options.images,
        progress=_bar("measuring", "step"),
    )
    if options.tstr:
        result = replace(result, tstr=training.tstr(gan, options.data, progress=_TrainingBar()))
    if options.save:
        quality.save(gan.folder, result)
    if options.json:
        _print_json(result)
        return FINE
    near, memory = result.distances, result.memory
    print(f"{gan.card.name}: n = {near.n}, {result.seeds} seeds, features of {result.encoder}")
    for name in ("frechet", "kernel", "precision", "recall"):
        value, floor = getattr(near, name), getattr(near, f"{name}_floor")
        print(f"  {name:<10} {value.mean:8.3f}  ({value.low:.3f} to {value.high:.3f})  real against real {floor:.3f}")
    for where, each, places in (("pixels", memory.pixel, 4), ("features", memory.feature, 3)):
        value, ends = each.generated, each.held_out_ci95
        print(
            f"  nearest training picture, {where:<8} {value.mean:.{places}f}  ({value.low:.{places}f} to {value.high:.{places}f})"
            f"  held-out {each.held_out:.{places}f} (95% {ends.low:.{places}f} to {ends.high:.{places}f})"
        )
    print(f"  nearer in pixels than 99% of the held-out ones: {memory.copies.mean:.2%}")
    for each in result.asked:
        print(
            f"  {each.wanted}: {result.classifier} agrees with {each.agreed.mean:.1%} (n = {each.n}), median probability {each.probability.mean:.3f}"
        )
    for each in result.tstr:
        print(
            f"  trained on {each.trained_on}, tested on {each.tested_on}: AUROC {each.auroc:.3f}{_interval(each.ci95)}, n = {each.n}"
        )
    return FINE


def _interval(interval: Any) -> str:
    return f" ({interval.low:.3f} to {interval.high:.3f})" if interval else ""


# --- latent -----------------------------------------------------------------------------------------------


def _latent(options: argparse.Namespace) -> int:

    from pneumo import runs
    from pneumo.generators import latent, latent_measures

    run = runs.load(options.run, "reconstruction")
    if options.save and not options.data:
        raise PneumoError("--save needs --data SOURCE, the source the run was trained on")
    space = (
        latent_measures.measure(run, options.data, _bar("measuring", "step"))
        if options.data
        else latent.read(run.folder)
    )
    if space is None:
        raise PneumoError(f"{run.card.name!r} was not measured yet; name its data with --data SOURCE --save")
    if options.save:
        latent.save(run.folder, space)
    about = space.about
    if options.json:
        _print_json({name: value for name, value in encode(about).items() if name != "names"})
        return FINE
    print(f"{run.card.name}: code of {about.code_size:,} numbers for {about.input_size:,}, n = {about.n} held-out radiographs of {about.patients} patients")  # fmt: skip
    for title, result in (("autoencoder", about.model), ("components", about.pca), ("JPEG", about.jpeg), ("gain over components", about.gain)):  # fmt: skip
        if result:
            print(f"  {title:<21} PSNR {_mean(result.psnr, 2)} dB   SSIM {_mean(result.ssim, 3)}")
    if about.class_auroc is not None:
        print(f"  error as a sign of PNEUMONIA: AUROC {about.class_auroc:.3f}")
    for kind, ood in about.ood.items():
        print(f"  error as a sign of {kind}: AUROC {ood.auroc:.3f} (n = {len(ood.errors)} and {about.n})")
    return FINE


def _mean(mean: Any, places: int) -> str:
    return f"{mean.value:.{places}f} ({mean.ci95.low:.{places}f} to {mean.ci95.high:.{places}f})"


# --- gate -------------------------------------------------------------------------------------------------


def _input_check(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from pneumo import runs
    from pneumo.inference import input_check, input_check_fit

    if (options.fit or options.save) and not options.data:
        raise PneumoError("--fit and --save need --data SOURCE, the source the encoder was trained on")
    if options.fit:
        splits = [
            runs.load(options.encoder or input_check_fit.ENCODER),
            runs.load(options.autoencoder or input_check_fit.AUTOENCODER),
        ]
        guard = input_check_fit.fit(options.data, *splits, progress=_bar("fitting", "step"))
    else:
        guard = input_check.load()
    if guard is None:
        raise PneumoError(
            f"no gate in {input_check.folder()}; fit one: python -m pneumo gate --data SOURCE --fit --save"
        )
    if options.data:
        guard = replace(
            guard,
            about=replace(
                guard.about, measured=input_check_fit.measure(guard, options.data, _bar("measuring", "step"))
            ),
        )
    if options.save:
        input_check.save(guard, input_check.folder() if options.save == Path() else options.save)
    about = guard.about
    if options.json:
        _print_json({name: value for name, value in encode(about).items() if name != "validation"})
        return FINE
    print(f"gate: features of {about.encoder}, reconstruction by {about.autoencoder}; thresholds from {about.n_validation} validation radiographs")  # fmt: skip
    if about.measured is None:
        print("not measured; name the data with --data")
        return FINE
    result = about.measured
    print(f"  let in     {_share(result.accepted)}  internal test radiographs of {result.patients} patients")
    print(f"    of them  {_share(result.unusual)}  with a warning")
    print(f"  refused    {result.refused_mean:.1%} on average over {len(result.refused)} kinds of other pictures")
    for kind, share in input_check.kinds_of(result):
        print(f"    {_share(share)}  {kind}" + (f" (parts of {share.bases})" if share.bases < share.n else ""))
    print(f"  named      {_share(result.phantoms_named)}  phantoms")
    for kind, share in result.others.items():
        print(f"  let in     {_share(share)}  {kind}")
    return FINE


def _share(share: Any) -> str:
    return f"{share.value:6.1%} ({share.ci95.low:.1%} to {share.ci95.high:.1%}, n = {share.n})"


# --- card -------------------------------------------------------------------------------------------------


def _card(options: argparse.Namespace) -> int:
    from pneumo import runs
    from pneumo.generators import latent, quality
    from pneumo.inference import input_check
    from pneumo.runs import model_card

    folder = runs.resolve(options.run)
    card = runs.read_card(folder)
    measured = [*quality.card_sections(folder), *latent.card_sections(folder), *input_check.card_sections(card)]
    text = model_card.markdown(card, measured)
    if options.out:
        runs.write(options.out, text.encode())
    else:
        print(text, end="")
    return FINE


# --- runs -------------------------------------------------------------------------------------------------


def _runs(options: argparse.Namespace) -> int:

    from pneumo import runs

    rows = [_run_row(runs.read_card(runs.resolve(name)), name) for name in runs.available()]
    if options.json:
        _print_json(rows)
        return FINE
    for row in rows:
        result = row["metrics"].get("test") or next(iter(row["metrics"].values()), None)
        print(
            f"{row['name']:<24} {row['model']:<16} {row['parameters']:>10,} parameters  {row['image_size']} px  "
            f"{_area(result) if result else row['task']}{'  (default)' if row['default'] else ''}"
        )
    return FINE


def _area(metrics: dict[str, Any]) -> str:
    if metrics["auroc"] is None:
        return "AUROC not defined"
    interval = metrics["ci95"]["auroc"]
    return f"AUROC {metrics['auroc']:.3f} ({interval['low']:.3f} to {interval['high']:.3f}), n = {metrics['n']}"


def _run_row(card: Any, name: str) -> dict[str, Any]:
    from pneumo import runs

    return {
        "name": name,
        "model": card.model,
        "default": name == runs.default_name(),
        "task": card.task,
        "parameters": card.weights.parameters,
        "size_bytes": card.weights.size_bytes,
        "image_size": card.image.size,
        "metrics": encode(card.metrics),
    }
