"""The benchmarks run; what they find is not a test's business."""

from benchmarks import training
from pneumo.training import recipes


def test_the_four_ways_train_and_are_compared(tmp_path):
    training.write_folder(tmp_path, count=40, size_px=64)
    recipe = recipes.override(recipes.get("pneumonia_cnn"), ["image.size=32", "batch_size=8"])
    result = training.compare(recipe, tmp_path, steps=2, rounds=1)
    assert len(result) == 7
    assert all(value > 0 for value in result.values())
    assert result["our trainer / ready tensors (c)"] == result["our trainer"] / result["ready tensors (c)"]
