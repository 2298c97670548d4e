"""Starting from a file: what fits is taken, and nothing in it is run."""

import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from pneumo import models, runs, training
from pneumo.schema import ImageSpec, PneumoError, Recipe
from pneumo.training import pretrained, recipes

IMAGE = ImageSpec(size=32)


def colour_state() -> dict[str, torch.Tensor]:
    """A backbone for colour images under the names of the package, with underscores."""
    torch.manual_seed(0)
    state = models.build(
        "efficientnet_lite0", replace(IMAGE, channels=3, mean=(0.5,) * 3, std=(0.5,) * 3)
    ).backbone.state_dict()
    return {f"_{key}": value for key, value in state.items()}


class Program:
    def __reduce__(self):
        return (print, ("this must never be printed",))


@pytest.mark.parametrize("form", ["safetensors", "pth", "nested"])
def test_a_file_gives_the_backbone(tmp_path, form):
    state = colour_state()
    path = tmp_path / f"lite0.{'safetensors' if form == 'safetensors' else 'pth'}"
    if form == "safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}} if form == "nested" else state, path)
    found = pretrained.tensors(Recipe(model="efficientnet_lite0", pretrained=str(path)))
    model = models.build("efficientnet_lite0", IMAGE)
    models.load_backbone(model, found)
    summed = next(value for key, value in state.items() if "conv_stem" in key).sum(1, keepdim=True)
    torch.testing.assert_close(model.backbone.conv_stem.weight, summed)
    assert pretrained.published(str(path)) == f"{path.name} (sha256 {runs.digest(path.read_bytes())[:16]})"


def test_a_training_starts_there_and_its_card_names_the_file(tmp_path):
    path = tmp_path / "lite0.safetensors"
    save_file(colour_state(), path)
    recipe = recipes.override(
        recipes.get("lite0_frozen"),
        [
            "data.source=phantom:80",
            "image.size=32",
            "epochs=1",
            "batch_size=16",
            "precision=float32",
            f"pretrained={path}",
        ],
    )
    training.train(recipe, tmp_path / "run")
    card = runs.read_card(tmp_path / "run")
    assert card.recipe.pretrained.startswith("lite0.safetensors (sha256 ")
    assert str(tmp_path) not in (tmp_path / "run" / runs.CARD_FILE).read_text()


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", "no weights that can be read"),
        (b"nonsense", "no weights that can be read|more than tensors"),
        (pickle.dumps({"a": Program()}), "more than tensors"),
        (pickle.dumps([1, 2]), "no weights that can be read|more than tensors"),
    ],
)
def test_what_is_no_state_dict_is_refused_and_never_run(tmp_path, capsys, blob, message):
    path = tmp_path / "x.pth"
    path.write_bytes(blob)
    with pytest.raises(PneumoError, match=message):
        pretrained.tensors(Recipe(pretrained=str(path)))
    assert "never be printed" not in capsys.readouterr().out


def test_a_program_in_pytorchs_own_format_is_refused(tmp_path, capsys):
    torch.save({"a": Program()}, tmp_path / "x.pt")
    with pytest.raises(PneumoError, match="could run somebody's program"):
        pretrained.tensors(Recipe(pretrained=str(tmp_path / "x.pt")))
    assert "never be printed" not in capsys.readouterr().out


def test_a_missing_file_and_weights_that_are_not_finite_name_the_remedy(tmp_path):
    with pytest.raises(PneumoError, match=r"there is no file .*pretrained=none"):
        pretrained.tensors(Recipe(pretrained=str(tmp_path / "none.safetensors")))
    save_file({"a": torch.tensor([float("nan")])}, tmp_path / "nan.safetensors")
    with pytest.raises(PneumoError, match="not finite"):
        pretrained.tensors(Recipe(pretrained=str(tmp_path / "nan.safetensors")))


def test_a_file_of_another_network_is_refused(tmp_path):
    save_file({"conv1.weight": torch.zeros(3, 1, 7, 7)}, tmp_path / "x.safetensors")
    found = pretrained.tensors(Recipe(pretrained=str(tmp_path / "x.safetensors")))
    with pytest.raises(PneumoError, match="belong to another model"):
        models.load_backbone(models.build("efficientnet_lite0", IMAGE), found)


def test_without_a_file_the_message_says_where_one_comes_from():
    with pytest.raises(PneumoError, match=r"pretrained=FILE.*docs/transfer.md"):
        pretrained.tensors(Recipe(model="efficientnet_lite0", pretrained="imagenet"))
