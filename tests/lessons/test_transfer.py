"""Transfer learning: parameters that can be counted, curves as they were recorded, and a head that is the same in the browser."""

import base64
import json
import shutil
import subprocess

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pneumo import models, runs
from pneumo.images import transforms
from pneumo.lessons import transfer
from pneumo.models.transfer import FROZEN_SHARE
from pneumo.runs import forward
from pneumo.schema import ImageSpec

COMPONENTS = runs.REPOSITORY / "pages" / "components"


@pytest.fixture(scope="module")
def pictures():
    return transfer.phantom_pictures()


@pytest.fixture(scope="module")
def pool(small_run, pictures):
    return transfer.pool(small_run, pictures)


def test_the_parameters_of_the_lesson():
    b7, grey, two = (transfer.architecture(name) for name in ("efficientnet_b7", "resnet18", "resnet18_two"))
    assert (b7.parameters, b7.of_the_head, len(b7.sizes)) == (63_789_521, 2_561, 711)
    assert (grey.parameters, grey.of_the_head, two.of_the_head) == (11_170_753, 513, 1_026)
    tensors, held = b7.frozen(FROZEN_SHARE)
    assert tensors == 469
    assert held / b7.parameters == pytest.approx(0.176, abs=5e-4)


@pytest.mark.parametrize("trainable", ["last_third", "head", "all"])
def test_what_is_counted_is_what_the_models_freeze(trainable):
    found = transfer.architecture("resnet18")
    model = models.build("resnet18", ImageSpec(size=64), trainable=trainable)
    share = {"last_third": FROZEN_SHARE, "head": (len(found.sizes) - found.head) / len(found.sizes) + 1e-9, "all": 0}
    learning = models.count_parameters(model, trainable_only=True)
    assert found.parameters - found.frozen(share[trainable])[1] == learning


def test_what_is_frozen_is_bit_equal_after_steps_and_the_head_moves():
    torch.manual_seed(0)
    model = models.build("resnet18", ImageSpec(size=32), trainable="head").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimiser = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=0.01)
    for _ in range(3):
        optimiser.zero_grad()
        F.binary_cross_entropy_with_logits(
            model(torch.randn(4, 1, 32, 32))[:, 0], torch.tensor([0.0, 1, 0, 1])
        ).backward()
        optimiser.step()
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"head.1.weight", "head.1.bias"}


def test_the_recorded_curves_say_a_tie_and_a_loser():
    facts = transfer.facts()
    assert (facts["scratch"], facts["frozen"], facts["tuned"]) == ("0.983", "0.966", "0.984")
    assert (facts["trainings"], facts["recorded_n"]) == ("3", "850")
    assert facts["b7_frozen"] == "17.6"
    assert float(facts["scratch_low"]) < float(facts["tuned"]) < float(facts["scratch_high"]), "a tie"
    assert float(facts["frozen_high"]) < min(float(facts["scratch_low"]), float(facts["tuned_low"])), "a loser"


def test_without_recorded_trainings_the_text_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    assert transfer.facts()["scratch"] == transfer.NOT_RECORDED


def test_both_parts_are_half_pneumonia_and_held_out_images_are_no_tiles(pictures, pool):
    assert pool.labels.sum() == transfer.PER_CLASS and pool.held_labels.sum() == transfer.HELD_OUT
    assert len(pool.labels) == 2 * transfer.PER_CLASS and len(pool.held) == 2 * transfer.HELD_OUT
    assert len({each.tobytes() for each in pictures.pixels}) == len(pictures.pixels)
    assert transfer.first_picks(pool.labels).count("N") == transfer.first_picks(pool.labels).count("P") == 8


def test_features_are_what_goes_into_the_last_layer(small_run, pictures):
    found = transfer.features(small_run, pictures.pixels[:3])
    assert found.dtype == np.float16 and found.shape == (3, 128)
    last = [module for module in small_run.model.modules() if isinstance(module, torch.nn.Linear)][-1]
    with torch.inference_mode():
        logits = last(torch.from_numpy(found.astype(np.float32)))[:, 0].numpy()
    resized = transforms.resize_all(pictures.pixels[:3], small_run.card.image)
    np.testing.assert_allclose(logits, forward.logits(small_run, resized), atol=5e-3)


def test_a_head_is_a_logistic_regression(pool):
    """Equal to torch's gradients, and it starts at ln 2."""
    picks = transfer.first_picks(pool.labels)
    head = transfer.train_head(pool, picks)
    assert head.losses[0] == pytest.approx(np.log(2)) and head.losses[-1] < head.losses[0]
    rows = [n for n, letter in enumerate(picks) if letter != "-"]
    inputs = torch.from_numpy((pool.features[rows].astype(float) - head.mean) / head.spread)
    labels = torch.tensor([float(picks[n] == "P") for n in rows], dtype=torch.float64)
    weights = torch.zeros(inputs.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    for _ in range(transfer.STEPS):
        loss = F.binary_cross_entropy_with_logits(inputs @ weights + bias, labels)
        loss = loss + transfer.DECAY / 2 * weights.square().sum()
        slopes = torch.autograd.grad(loss, (weights, bias))
        with torch.no_grad():
            weights -= transfer.RATE * slopes[0]
            bias -= transfer.RATE * slopes[1]
    np.testing.assert_allclose(head.weights, weights.detach().numpy(), atol=1e-9)
    assert head.bias == pytest.approx(bias.item(), abs=1e-9)


@pytest.mark.skipif(not shutil.which("node"), reason="no Node on this machine")
def test_the_browser_learns_the_same_head(pool):
    picks = transfer.first_picks(pool.labels, 5)
    head = transfer.train_head(pool, picks)
    given = {
        "features": _text(pool.features),
        "held": _text(pool.held),
        "width": pool.features.shape[1],
        "picks": picks,
        "options": {"steps": transfer.STEPS, "record": transfer.RECORD, "rate": transfer.RATE, "decay": transfer.DECAY},
        "least": transfer.LEAST_SPREAD,
    }
    program = f"""
      import {{ halves, scale, scaled, scores, train }} from "{(COMPONENTS / "heads.js").as_uri()}";
      let text = ""; for await (const part of process.stdin) text += part;
      const given = JSON.parse(text), raw = halves(given.features, given.width), by = scale(raw, given.least);
      const rows = [...given.picks].flatMap((letter, n) => (letter === "-" ? [] : [n]));
      const frames = train(scaled(raw, by), rows, rows.map((n) => "NP".indexOf(given.picks[n])), given.options), {{ weights, bias }} = frames.at(-1);
      const held = scaled(halves(given.held, given.width), by);
      process.stdout.write(JSON.stringify({{ losses: frames.map((each) => each.loss), held: [...scores(held, weights, bias, Array.from({{ length: held.rows }}, (_, n) => n))] }}));"""
    done = subprocess.run(
        ["node", "--input-type=module", "-e", program],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    np.testing.assert_allclose(found["losses"], head.losses[:: transfer.RECORD], atol=1e-9)
    np.testing.assert_allclose(found["held"], head.logits(pool.held), atol=1e-6)


def _text(values: np.ndarray) -> str:
    return base64.b64encode(values.astype("<f2").tobytes()).decode()


def test_what_is_learned_on_one_source_fails_on_the_other(pictures):
    """As the lesson promises of its opening state."""
    from pneumo.inference import examples
    from pneumo.metrics import classification

    run, gan = runs.load(transfer.ENCODERS[0]), runs.load(examples.finest_gan())
    generated, phantoms = transfer.pool(run, transfer.generated_pictures(gan)), transfer.pool(run, pictures)
    head = transfer.train_head(generated, transfer.first_picks(generated.labels))
    assert classification.auroc(generated.held_labels, head.logits(generated.held)) > 0.95
    assert classification.auroc(phantoms.held_labels, head.logits(phantoms.held)) < 0.75
