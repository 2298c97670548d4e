"""From notebook to production: sizes and dangers of saving, monitors, promotion, waiting."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo import runs
from pneumo.images import phantom
from pneumo.lessons import production
from pneumo.schema import PneumoError

HOME, AWAY = 0.02, 0.97


@pytest.fixture(scope="module")
def ways():
    return {each.name: each for each in production.ways(runs.load(production.RUN))}


def test_sizes_are_those_of_the_course_design(ways):
    sizes = [round(ways[f"safetensors, {kind}"].size_bytes / 1e6, 1) for kind in ("float32", "float16", "int8")]
    assert sizes == [18.5, 9.2, 4.6]
    assert ways["Whole model"].size_bytes > ways["safetensors, float32"].size_bytes


def test_only_a_whole_model_can_run_code(ways):
    assert [name for name, each in ways.items() if each.code] == ["Whole model"]


def test_a_pickle_is_taken_apart_and_not_run(capsys):
    text = production.pickle_taken_apart()
    assert "GLOBAL" in text and "builtin" in text and "REDUCE" in text
    assert capsys.readouterr().out == "", "its print was never called"


def test_mcnemar_by_hand():
    assert production.mcnemar(8, 2) == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert (round(production.mcnemar(8, 2), 3), round(production.mcnemar(9, 1), 3)) == (0.109, 0.021)
    assert production.mcnemar(0, 0) == 1.0
    with pytest.raises(PneumoError, match="expected 0 or more"):
        production.mcnemar(-1, 3)


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_the_same_key_gets_the_same_model_and_only_ever_moves_to_the_new_one(key, one, other):
    low, high = sorted((one, other))
    assert production.arm(key, low) == production.arm(key, low)
    assert not (production.arm(key, low) == "new" and production.arm(key, high) == "old")


def test_an_arm_gets_about_its_share():
    arms = [production.arm(str(n), 0.1) for n in range(4000)]
    assert 340 < arms.count("new") < 460


def test_four_replicas_serve_at_most_twenty_a_second_and_waits_grow_towards_that():
    light, heavy = production.waits(4, 4), production.waits(19.5, 4)
    assert light.most == 20
    assert light.at(50) == pytest.approx(production.SERVICE_S, rel=0.1)
    assert heavy.at(95) > 3 * light.at(95) and heavy.at(95) > heavy.seconds.mean()
    assert (light.seconds > 0).all()


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_both_monitors_notice_the_change_the_input_check_first(seed):
    days = production.stream(HOME, AWAY, seed)
    quick, slow = production.first_alert(days, "drifted"), production.first_alert(days, "uncalibrated")
    assert production.CHANGE <= quick <= production.CHANGE + 2
    assert production.CHANGE + production.DELAY <= slow <= production.CHANGE + production.DELAY + 7
    assert len(days) == production.DAYS and days[0].observed is None, "no label has come on the first day"


def test_a_hospital_that_never_changes_raises_few_alarms():
    quiet = [production.stream(HOME, AWAY, seed, production.DAYS) for seed in range(1, 11)]
    alarms = [production.first_alert(days, kind) for days in quiet for kind in ("drifted", "uncalibrated")]
    assert sum(each is not None for each in alarms) <= 6, "of 20 monitors over 60 days each"


def test_skipping_a_step_changes_the_result_and_taking_all_gives_the_runs_own():
    run = runs.load(production.MONITORED)
    pixels = phantom.draw(3, 0, 1, size_px=512, seed=5).pixels
    careful, raw = production.careful(run, pixels)
    from pneumo.inference import diagnosis
    from pneumo.schema import Radiograph

    [result] = diagnosis.diagnose_radiographs(run, [("p", Radiograph(pixels))])
    assert careful == pytest.approx(result.probability, abs=1e-6)
    assert raw != careful and production.careless(run, pixels) != (careful, raw)


def test_the_numbers_of_the_text():
    facts = production.facts()
    assert (facts["p_82"], facts["p_91"], facts["most"]) == ("0.109", "0.021", "20")
    assert (facts["float32"], facts["float16"], facts["int8"]) == ("18.5", "9.2", "4.6")


def test_a_stream_is_the_same_for_the_same_seed():
    one = production.stream(HOME, AWAY, 5)
    production.stream.cache_clear()
    assert production.stream(HOME, AWAY, 5) == one
    digest = hashlib.sha256(np.array([each.predicted for each in one]).tobytes()).hexdigest()
    assert (
        digest
        != hashlib.sha256(np.array([each.predicted for each in production.stream(HOME, AWAY, 6)]).tobytes()).hexdigest()
    )
