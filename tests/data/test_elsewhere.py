"""The folder of images from elsewhere: its table, its parts, and what is wrong with it said in words."""

import numpy as np
import pytest

from pneumo.data import elsewhere
from pneumo.images import radiograph
from pneumo.schema import PneumoError

HEAD = "file,part,kind,source,licence\n"


def folder_of(place, text):
    (place / elsewhere.LABELS).write_text(text, encoding="utf-8")
    blob = radiograph.encode_png(np.arange(256, dtype=np.uint8).reshape(16, 16).repeat(4, 0).repeat(4, 1))
    for name in ("a.png", "b.png"):
        (place / name).write_bytes(blob)
    return place


def test_a_part_is_read_with_its_kinds_and_sources(tmp_path):
    rows = "a.png,fit,frontal_adult,one,x\nb.png,fit,lateral,one,x\na.png,test,ct_mr,two,x\n"
    found = elsewhere.read(folder_of(tmp_path, HEAD + rows), "fit")
    assert found.groups.tolist() == ["frontal adult, one", "lateral, one"]
    assert found.frontal.tolist() == [True, False]
    assert [image.pixels.shape for image in found.images] == [(64, 64)] * 2
    assert elsewhere.read(tmp_path, "test").groups.tolist() == ["ct mr, two"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,part\na.png,fit\n", "lacks kind, source"),
        ("", "lacks file, kind, part, source"),
        (HEAD + "a.png,test,ct,one,x\n", "no image of the part 'fit'"),
        (HEAD + "gone.png,fit,ct,one,x\n", "gone.png"),
    ],
)
def test_what_is_wrong_with_it_is_said(tmp_path, text, message):
    with pytest.raises(PneumoError, match=message):
        elsewhere.read(folder_of(tmp_path, text), "fit")


def test_without_a_table_it_says_what_was_expected(tmp_path):
    with pytest.raises(PneumoError, match=r"labels\.csv cannot be read.*expected a folder"):
        elsewhere.read(tmp_path, "fit")
