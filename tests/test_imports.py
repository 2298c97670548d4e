"""What a command or a module imports, and what it must not: every heavy library is paid for by those who use it alone."""

import json
import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "torchvision",
    "accelerate",
    "datasets",
    "matplotlib",
    "plotly",
    "pytorch_grad_cam",
    "scipy",
    "sklearn",
    "torchmetrics",
)
REPORT = (
    "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr)"
)


def imported(program):
    """The top-level names of all modules that a program has imported when it ends."""
    done = subprocess.run([sys.executable, "-c", f"{program}\n{REPORT}"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def command(*words):
    return (
        "from pneumo.cli import main\n"
        f"try:\n    main({list(words)!r})\nexcept SystemExit as ended:\n    assert not ended.code, ended.code"
    )


CARDS = ("resnet18_fine_tuned", "ensemble", "conv_gan", "vae_32")


@pytest.mark.parametrize(
    "words",
    [("--help",), ("train", "--help"), ("runs",), ("runs", "--json"), *(("card", name) for name in CARDS)],
    ids=" ".join,
)
def test_what_only_reads_imports_nothing_heavy(words):
    assert not imported(command(*words)) & set(HEAVY)


@pytest.mark.parametrize(
    "module",
    [
        "pneumo.runs",
        "pneumo.runs.measured",
        "pneumo.runs.model_card",
        "pneumo.generators.latent_report",
        "pneumo.generators.quality_report",
        "pneumo.inference.heatmap_report",
        "pneumo.inference.input_check_report",
        "pneumo.metrics.classification",
        "pneumo.metrics.conclusions",
        "pneumo.metrics.leaderboard",
        "pneumo.training",
        "pneumo.training.recipes",
    ],
)
def test_modules_for_reading_import_nothing_heavy(module):
    assert not imported(f"import {module}") & set(HEAVY)


def test_a_name_that_takes_torch_is_found_when_it_is_used():
    program = "from pneumo import runs\nassert runs.load.__module__ == 'pneumo.runs.weights'\n"
    program += "from pneumo.training import Trainer\nassert Trainer.__module__ == 'pneumo.training.trainer'"
    assert "torch" in imported(program)


@pytest.mark.parametrize("package", ["runs", "training"])
def test_a_name_that_is_not_there_is_said_as_python_says_it(package):
    module = __import__(f"pneumo.{package}", fromlist=["x"])
    with pytest.raises(AttributeError, match=f"module 'pneumo.{package}' has no attribute 'nothing'"):
        module.nothing  # noqa: B018
    for name in module.__all__:
        assert hasattr(module, name), name


@pytest.mark.parametrize("module", ["pneumo.inference.input_check", "pneumo.data", "pneumo.generators.latent"])
def test_what_computes_imports_what_it_computes_with(module):
    """torch is needed there; what belongs to a few of its functions is not."""
    used = imported(f"import {module}")
    assert "torch" in used
    assert not used & {
        "accelerate",
        "datasets",
        "matplotlib",
        "plotly",
        "pytorch_grad_cam",
        "sklearn",
        "torchmetrics",
        "torchvision",
    }
