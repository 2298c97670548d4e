"""evaluate: the documented document, and what could not be read."""

import json

from pneumo import cli, runs


def test_evaluate_json_is_the_documented_document(weights, images, run):
    code, out, _ = run("evaluate", "--data", images, "--json")
    result = json.loads(out)
    assert code == cli.FINE
    assert {
        "run", "data", "n", "threshold", "accuracy", "sensitivity", "specificity", "precision", "f1", "auroc", "auprc",
        "brier", "ece", "confusion", "ci95",
    } <= result.keys()  # fmt: skip
    assert (result["run"], result["data"], result["n"]) == ("small", str(images), 4)
    assert set(result["confusion"]) == {"tn", "fp", "fn", "tp"}
    assert sum(result["confusion"].values()) == 4
    assert {"accuracy", "sensitivity", "specificity"} <= result["ci95"].keys()
    assert all(-(name == "mcc") <= i["low"] <= i["high"] <= 1 for name, i in result["ci95"].items())
    assert result["threshold"] == runs.load().card.point().threshold


def test_evaluate_with_an_unreadable_file_says_so_and_exits_1(weights, images, run):
    (images / "NORMAL" / "bad.png").write_bytes(b"")
    code, out, err = run("evaluate", "small", "--data", images, "--json")
    assert code == cli.SOME_FAILED
    assert json.loads(out)["n"] == 4
    assert "bad.png" in err
