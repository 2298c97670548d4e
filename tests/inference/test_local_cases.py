"""Tables of local cases, as spreadsheets write them; a wrong one is refused with the row and the reason."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo.inference import local_cases
from pneumo.schema import PneumoError

PLAIN = "probability,truth,patient\n0.9,PNEUMONIA,a\n0.2,NORMAL,b\n"


def probabilities(cases) -> np.ndarray:
    return 1 / (1 + np.exp(-cases.logits))


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        "Probability;Truth;Patient ID\n0,9;pneumonia;a\n0,2;Normal;b\n",
        "p,label,patient\n90%,1,a\n20 %,0,b\n",
        "score,y,subject\n0.9,yes,a\n\n0.2,no,b\n,,\n",
        "truth,patient,probability\npositive,a,.9\nnegative,b,.2\n",
    ],
)
def test_forms_of_the_same_table(text):
    cases = local_cases.read(text.encode())
    assert cases.labels.tolist() == [1, 0]
    np.testing.assert_allclose(probabilities(cases), [0.9, 0.2], atol=1e-9)
    assert cases.patients.tolist() == ["a", "b"]


def test_without_patients_each_row_is_one_and_rows_without_truth_are_counted():
    cases = local_cases.read(b"probability,truth\n0.9,1\n0.3,\n0.2,0\n")
    assert (cases.patients.tolist(), cases.left_out) == (["row 2", "row 4"], 1)


def test_a_logit_is_taken_as_it_is():
    assert local_cases.read(b"logit,truth\n-3.5,0\n12,1\n").logits.tolist() == [-3.5, 12.0]


def test_the_ends_have_a_logit():
    assert np.isfinite(local_cases.read(b"p,truth\n0,0\n1,1\n").logits).all()


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", "no rows"),
        (b"probability,truth\n", "no rows"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"a,b\n1,2\n", "no column with the truth"),
        (b"truth\n1\n", "no column with the probability"),
        (b"p,truth\nhigh,1\n", "row 2 has the probability 'high'"),
        (b"p,truth\n1.2,1\n", "row 2 has the probability '1.2'"),
        (b"p,truth\n90,1\n", "a percentage with %"),
        (b"p,truth\nnan,1\n", "no number"),
        (b"p,truth\ninf,1\n", "no number"),
        (b"p,truth\n0.5,maybe\n", "row 2 has the truth 'maybe'"),
        (b"p,truth\n0.5\n", "row 2 has 1 cell"),
        (b"p,truth\n0,5,1\n", "a decimal comma needs semicolons"),
        (b"p,truth\n,\n", "no rows"),
        (b"p,truth,x\n,,1\n", "no row has both"),
        (b"file,probability,label,threshold,weights_sha256\na,0.5,NORMAL,0.9,ab\n", "a table of Diagnose"),
        (b"p,truth\n" + b"0.5,1\n" * (local_cases.MOST_ROWS + 1), "rows; expected up to"),
        (b"x" * (local_cases.MOST_BYTES + 1), "MB; expected up to"),
    ],
)
def test_a_wrong_table_is_refused_with_the_reason(blob, message):
    with pytest.raises(PneumoError, match=message.replace("(", r"\(")):
        local_cases.read(blob)


@given(
    st.binary(max_size=300)
    | st.text(alphabet='p,;truth\n01.5%NORMAL"', max_size=200).map(lambda text: ("p,truth\n" + text).encode())
)
def test_any_bytes_give_cases_or_a_reason(blob):
    try:
        cases = local_cases.read(blob)
    except PneumoError:
        return
    assert len(cases.labels) == len(cases.logits) == len(cases.patients) > 0
    assert np.isfinite(cases.logits).all() and set(cases.labels.tolist()) <= {0, 1}
