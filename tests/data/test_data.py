"""Sources, patients, the cache, the audit."""

import inspect
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pneumo import data
from pneumo.data import cache as cache_module
from pneumo.data import hub
from pneumo.images import containers, dicom, radiograph, transforms
from pneumo.schema import DataSpec, ImageSpec, PneumoError, Radiograph

IMAGE = ImageSpec(size=16)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def png(seed: int) -> bytes:
    return radiograph.encode_png(np.random.default_rng(seed).integers(0, 256, (20, 20), dtype=np.uint8))


def write(folder, names: dict[str, int]) -> str:
    """Files by relative path, each with the picture of its seed."""
    for name, seed in names.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(seed))
    return str(folder)


@pytest.fixture
def guangzhou(tmp_path) -> str:
    """60 patients in the Guangzhou way of naming, some with several images, with one picture shared by two of them."""
    names = {f"NORMAL/IM-{n:04d}-0001.jpeg": n for n in range(100, 120)}
    names |= {f"NORMAL/NORMAL2-IM-{n:04d}-0001-0002.jpeg": n + 500 for n in range(100, 105)}
    names |= {f"PNEUMONIA/person{n}_{kind}_{n + m}.jpeg": 1000 + 10 * n + m
              for n in range(1, 41) for m in range(1 + n % 3) for kind in (["bacteria", "virus"][n % 2],)}  # fmt: skip
    names["PNEUMONIA/person900_virus_1.jpeg"] = 1010  # the same picture as person1's first
    return write(tmp_path / "set", names)


@pytest.mark.parametrize(
    ("name", "patient", "subtype"),
    [
        ("person12_bacteria_34.jpeg", "person12", "bacteria"),
        ("person12_virus_3.jpeg", "person12", "virus"),
        ("IM-0115-0001.jpeg", "IM-0115", ""),
        ("NORMAL2-IM-0115-0001-0002.jpeg", "IM-0115", ""),
        ("my picture.v2.png", "my picture.v2", ""),
        ("NORMAL/1.png", "NORMAL/1", ""),  # not the patient of PNEUMONIA/1.png
        ("person1_x/2.png", "person1_x/2", ""),
    ],
)
def test_patients_and_subtypes_are_read_from_names(name, patient, subtype):
    assert (data.patient_of(name), data.subtype_of(name)) == (patient, subtype)


@given(st.text(min_size=1, max_size=30))
def test_any_name_has_a_patient_and_a_subtype(name):
    assert data.patient_of(name) in name
    assert data.subtype_of(name) in ("", "bacteria", "virus")


FILE_NAMES = (  # what a Linux folder may hold: any bytes but "/" and NUL; hidden files apart
    (st.text(st.characters(codec="utf-8"), max_size=20).map(os.fsencode) | st.binary(max_size=20))
    .filter(lambda name: name and name[:1] != b"." and not set(name) & set(b"/\0"))
    .map(os.fsdecode)
)


@settings(max_examples=25, deadline=None)
@given(st.sets(FILE_NAMES, min_size=1, max_size=6))
def test_any_file_name_can_be_divided_and_written_down(names):
    with tempfile.TemporaryDirectory() as folder:
        for n, name in enumerate(sorted(names)):
            write(Path(folder), {f"{['NORMAL', 'PNEUMONIA'][n % 2]}/{name}": n})
        dataset = data.open_source(folder)
        assert len(dataset.items) == len(names)
        assert sum(map(len, data.split_patients(dataset, DataSpec()).values())) == len(names)
        for i, item in enumerate(dataset.items):
            assert item.name.encode()  # UTF-8, as every file of a run is
            assert "\n" not in item.name
            assert "\r" not in item.name
            assert dataset.read(i).shape == (20, 20)


def test_hidden_files_and_folders_are_not_data(tmp_path):
    names = {"NORMAL/a.png": 1, "NORMAL/.b.png": 2, "NORMAL/.checkpoints/c.png": 3, "PNEUMONIA/d.png": 4}
    dataset = data.open_source(write(tmp_path / ".hidden" / "set", names))
    assert [item.name for item in dataset.items] == ["NORMAL/a.png", "PNEUMONIA/d.png"]


@pytest.mark.parametrize(
    ("names", "licence"),
    [
        ({"NORMAL/IM-0001-0001.jpeg": 1, "PNEUMONIA/person1_virus_2.jpeg": 2}, "CC BY 4.0"),
        ({"NORMAL/IM-0001-0001.jpeg": 1, "PNEUMONIA/mine.jpeg": 2}, "not stated"),
    ],
)
def test_the_licence_is_stated_only_where_every_name_is_known(tmp_path, names, licence):
    assert data.open_source(write(tmp_path, names)).licence == licence


def test_folders_with_and_without_splits(tmp_path):
    plain = data.open_source(write(tmp_path / "a", {"NORMAL/x.png": 1, "pneumonia/deep/y.png": 2, "other/z.png": 3}))
    assert [(i.name, i.label, i.split) for i in plain.items] == [
        ("NORMAL/x.png", 0, ""),
        ("pneumonia/deep/y.png", 1, ""),
    ]
    split = data.open_source(
        write(tmp_path / "b", {"train/NORMAL/x.png": 1, "val/PNEUMONIA/y.png": 2, "test/NORMAL/z.png": 3})
    )
    assert {i.name: i.split for i in split.items} == {
        "train/NORMAL/x.png": "train", "val/PNEUMONIA/y.png": "validation", "test/NORMAL/z.png": "test",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "no folder"),
        ("phantom:x", "phantom:COUNT"),
        ("phantom:2", "4 is the least"),
        ("phantom:9:1:2:3", "no phantom source"),
    ],
)
def test_sources_that_are_none_say_what_is_expected(source, message):
    with pytest.raises(PneumoError, match=message):
        data.open_source(source)


def test_a_folder_without_class_folders_says_what_is_expected(tmp_path):
    (tmp_path / "x.png").write_bytes(png(1))
    with pytest.raises(PneumoError, match="expected NORMAL/ and PNEUMONIA/"):
        data.open_source(str(tmp_path))


def test_phantoms_are_a_source_with_patients_of_several_images():
    one, two = data.open_source("phantom:40"), data.open_source("phantom:40")
    assert [i.digest for i in one.items] == [i.digest for i in two.items]
    assert len(one.items) == 40 > len({i.patient for i in one.items})
    assert {i.label for i in one.items} == {0, 1}
    assert [i.digest for i in data.open_source("phantom:40:7").items] != [i.digest for i in one.items]


# --- patients ---------------------------------------------------------------------------------------------


def test_no_patient_and_no_image_is_in_two_splits(guangzhou):
    dataset = data.open_source(guangzhou)
    for seed in range(5):
        splits = data.split_patients(dataset, DataSpec(split_seed=seed))
        for field in ("patient", "digest"):
            sets = [{getattr(dataset.items[i], field) for i in indices} for indices in splits.values()]
            assert sum(map(len, sets)) == len(set.union(*sets))
        everything = np.sort(np.concatenate(list(splits.values())))
        np.testing.assert_array_equal(everything, np.arange(len(dataset.items)))


def test_shares_are_of_patients_and_stratified(guangzhou):
    dataset = data.open_source(guangzhou)
    splits = data.split_patients(dataset, DataSpec(validation=0.2, test=0.1))
    _, patients = data.count_splits(dataset, splits)
    assert patients["validation"] == pytest.approx(0.2 * 61, abs=2)
    assert patients["test"] == pytest.approx(0.1 * 61, abs=2)
    for indices in splits.values():
        assert {(dataset.items[i].label, dataset.items[i].subtype) for i in indices} == {
            (0, ""),
            (1, "bacteria"),
            (1, "virus"),
        }


def test_the_usual_shares_are_15_and_10_percent_of_the_patients(tmp_path):
    names = {f"NORMAL/IM-{n:04d}-1.png": n for n in range(100)}
    names |= {f"PNEUMONIA/person{n}_{kind}_1.png": 1000 + n + 500 * (kind == "virus")
              for kind in ("bacteria", "virus") for n in range(*{"bacteria": (0, 60), "virus": (60, 100)}[kind])}  # fmt: skip
    dataset = data.open_source(write(tmp_path, names))
    images, patients = data.count_splits(dataset, data.split_patients(dataset, DataSpec()))
    assert patients == {"train": 150, "validation": 30, "test": 20}
    assert images["validation"] == {"NORMAL": 15, "PNEUMONIA": 15}


def test_the_order_of_the_files_does_not_matter(guangzhou):
    dataset = data.open_source(guangzhou)
    items = dataset.items
    both = [data.DataSet(dataset.source, order, dataset.radiograph, "", "") for order in (items, items[::-1])]
    digests = [data.split_digest(d, data.split_patients(d, DataSpec())) for d in both]
    assert digests[0] == digests[1]


def test_patients_joined_by_a_chain_of_equal_images_stay_together():
    pairs = [("a", "1"), ("b", "1"), ("b", "2"), ("c", "2"), ("d", "3")] + [(f"p{n}", f"x{n}") for n in range(40)]
    items = tuple(data.Item(f"{n}", 0, patient, "", "", digest) for n, (patient, digest) in enumerate(pairs))
    for seed in range(20):
        splits = data.split_patients(
            data.DataSet("", items, None, "", ""), DataSpec(split_seed=seed, validation=0.4, test=0.2)
        )
        assert sum(bool({0, 1, 2, 3} & set(indices.tolist())) for indices in splits.values()) == 1


def test_the_split_depends_on_its_seed_and_nothing_else(guangzhou):
    dataset = data.open_source(guangzhou)
    digests = [
        data.split_digest(dataset, data.split_patients(dataset, DataSpec(split_seed=seed))) for seed in (1, 1, 2)
    ]
    assert digests[0] == digests[1] != digests[2]


def test_a_new_patient_moves_hardly_anyone(guangzhou, tmp_path):
    def places():
        dataset = data.open_source(guangzhou)
        return {
            dataset.items[i].name: split
            for split, indices in data.split_patients(dataset, DataSpec()).items()
            for i in indices
        }

    before = places()
    write(tmp_path / "set", {"NORMAL/IM-9999-0001.jpeg": 99})
    after = places()
    assert sum(after[name] != split for name, split in before.items()) <= 3


def test_a_sources_own_test_set_is_not_trained_on_nor_anything_identical(tmp_path):
    source = write(tmp_path / "s", {
        **{f"train/NORMAL/IM-{n:04d}-1.png": n for n in range(20)}, **{f"train/PNEUMONIA/person{n}_virus_1.png": 100 + n for n in range(20)},
        "test/NORMAL/IM-5000-1.png": 3, "test/PNEUMONIA/person99_virus_1.png": 999,
    })  # fmt: skip
    dataset = data.open_source(source)
    used = {dataset.items[i].name for indices in data.split_patients(dataset, DataSpec()).values() for i in indices}
    assert len(used) == 39
    assert "train/NORMAL/IM-0003-1.png" not in used
    assert not any(name.startswith("test/") for name in used)


# --- the cache --------------------------------------------------------------------------------------------


class Counting:
    """A data set that counts how often it is decoded."""

    def __init__(self, dataset: data.DataSet) -> None:
        self.reads = 0
        self.dataset = data.DataSet(dataset.source, dataset.items, self.radiograph, "", "")
        self.inner = dataset

    def radiograph(self, index: int) -> Radiograph:
        self.reads += 1
        return self.inner.radiograph(index)


@pytest.fixture
def counting(tmp_path):
    return Counting(data.open_source(write(tmp_path / "set", {f"NORMAL/{n}.png": n for n in range(6)})))


def test_decoded_once_and_memory_mapped(counting):
    first = data.resized(counting.dataset, IMAGE)
    second = data.resized(counting.dataset, IMAGE)
    assert counting.reads == 6
    assert isinstance(second.array, np.memmap)
    np.testing.assert_array_equal(first.array, second.array)
    data.resized(counting.dataset, ImageSpec(size=8))
    assert counting.reads == 12


@pytest.mark.parametrize("damage", ["truncate", "flip", "garbage", "no description", "bad description", "other shape",
                                    "empty", "zip", "cut header", "brackets", "other errors"])  # fmt: skip
def test_a_damaged_cache_is_made_anew(counting, cache, damage):
    before = np.array(data.resized(counting.dataset, IMAGE).array)
    [array], [about] = cache.glob("*.npy"), cache.glob("*.json")
    blob = array.read_bytes()
    match damage:
        case "truncate":
            array.write_bytes(blob[:-100])
        case "flip":
            array.write_bytes(blob[:-5] + bytes([blob[-5] ^ 1]) + blob[-4:])
        case "garbage":
            array.write_bytes(b"nonsense")
        case "no description":
            about.unlink()
        case "bad description":
            about.write_text("[1")
        case "other shape":
            np.save(array, np.zeros((2, 2), np.uint8))
        case "empty":
            array.write_bytes(b"")
        case "zip":
            array.write_bytes(b"PK\x03\x04" + blob[4:])
        case "cut header":
            array.write_bytes(blob.replace(b"16), }", b"16, ((", 1))
        case "brackets":
            about.write_text("[" * 100_000)
        case "other errors":
            about.write_text(json.dumps(json.loads(about.read_text()) | {"errors": ["none"]}))
    np.testing.assert_array_equal(before, data.resized(counting.dataset, IMAGE).array)
    assert counting.reads == 12
    data.resized(counting.dataset, IMAGE)
    assert counting.reads == 12


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 127), st.integers(0, 255))
def test_any_altered_byte_of_the_header_gives_the_same_images(place, value):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "resized.npy"
        array = np.arange(2 * 16 * 16, dtype=np.uint8).reshape(2, 16, 16)
        cache_module._store_cache(path, cache_module.ResizedImages(array, {}))
        blob = bytearray(path.read_bytes())
        blob[place] = value
        path.write_bytes(blob)
        result = cache_module._load_cache(path, array.shape)
        assert result is None or np.array_equal(result.array, array)


def test_a_full_disk_costs_the_cache_and_leaves_nothing_behind(counting, cache, monkeypatch):
    def full(file, array):
        file.write(b"the first bytes")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert data.resized(counting.dataset, IMAGE).array.any()
    assert list(cache.iterdir()) == []


def test_a_file_that_cannot_be_opened_is_reported_and_the_rest_goes_on(tmp_path, monkeypatch):
    source = write(tmp_path / "set", {"NORMAL/a.png": 1, "NORMAL/b.png": 2, "NORMAL/c.png": 1})
    opened = Path.open

    def refuse(path, *how):
        if path.name == "b.png":
            raise PermissionError(13, "Permission denied")
        return opened(path, *how)

    monkeypatch.setattr(Path, "open", refuse)
    dataset = data.open_source(source)
    result = data.resized(dataset, IMAGE)
    assert list(result.errors) == [1]
    assert "Permission denied" in result.errors[1]
    assert result.array[0].any()
    assert data.audit(dataset)["duplicate_images"] == 1


CODE = """
def resize(pixels, image):
    \'\'\'Resizes.\'\'\'
    return pixels[::2] * 2
"""


@pytest.mark.parametrize("same", [
    CODE.replace("return", "# as published\n    return"), CODE.replace("Resizes.", "Makes it small."),
    CODE.replace("    \'\'\'Resizes.\'\'\'\n", ""), CODE.replace("[::2]", "[ : : 2 ]"),
])  # fmt: skip
def test_a_comment_is_no_other_behaviour(same):
    assert same != CODE
    assert cache_module.statements(same) == cache_module.statements(CODE)


@pytest.mark.parametrize(
    "other", [CODE.replace("* 2", "* 3"), CODE.replace("::2", "::3"), CODE.replace("pixels[", "-pixels[")]
)
def test_other_code_is_another_behaviour(other):
    assert cache_module.statements(other) != cache_module.statements(CODE)


@pytest.mark.parametrize("part", [transforms.resize, transforms.stretch, radiograph, dicom, containers])
def test_everything_that_makes_pixels_is_in_the_key(counting, monkeypatch, part):
    key, source = cache_module._cache_key(counting.dataset, IMAGE), inspect.getsource

    def changed(of):
        return source(of) + ("\nCHANGED = 1\n" if of is part else "")

    monkeypatch.setattr(inspect, "getsource", changed)
    cache_module._decoding.cache_clear()
    assert cache_module._cache_key(counting.dataset, IMAGE) != key
    monkeypatch.undo()
    cache_module._decoding.cache_clear()
    assert cache_module._cache_key(counting.dataset, IMAGE) == key


def test_a_changed_image_is_another_cache(tmp_path):
    source = write(tmp_path / "set", {"NORMAL/a.png": 1, "NORMAL/b.png": 2})
    before = np.array(data.resized(data.open_source(source), IMAGE).array)
    write(tmp_path / "set", {"NORMAL/a.png": 3})
    after = data.resized(data.open_source(source), IMAGE).array
    assert not np.array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])


def test_a_broken_file_is_reported_and_the_rest_goes_on(tmp_path):
    source = write(tmp_path / "set", {"NORMAL/a.png": 1, "NORMAL/c.png": 2})
    (tmp_path / "set" / "NORMAL" / "b.png").write_bytes(png(5)[:60])
    for _ in range(2):  # decoded, then from the cache
        result = data.resized(data.open_source(source), IMAGE)
        assert list(result.errors) == [1]
        assert result.array[0].any()
        assert result.array[2].any()


def test_a_cache_folder_that_cannot_be_written_costs_only_the_cache(counting, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PNEUMO_CACHE", str(tmp_path / "file" / "below"))
    assert data.resized(counting.dataset, IMAGE).array.shape == (6, 16, 16)


def test_progress_counts_to_the_end(counting):
    seen = []
    data.resized(counting.dataset, IMAGE, lambda done, total: seen.append((done, total)))
    assert seen == [(n, 6) for n in range(1, 7)]


# --- the audit --------------------------------------------------------------------------------------------


def test_audit_counts(tmp_path):
    source = write(tmp_path / "set", {
        "train/NORMAL/IM-0001-1.png": 1, "train/NORMAL/IM-0001-2.png": 1, "train/PNEUMONIA/person1_virus_1.png": 3,
        "test/PNEUMONIA/person1_virus_2.png": 4, "test/PNEUMONIA/person2_bacteria_2.png": 1,
    })  # fmt: skip
    (tmp_path / "set" / "train" / "NORMAL" / "bad.png").write_bytes(b"x")
    result = data.audit(data.open_source(source))
    assert result["images"] == 6
    assert result["classes"] == {"NORMAL": 3, "PNEUMONIA": 3}
    assert result["splits"]["test"] == {"NORMAL": 0, "PNEUMONIA": 2}
    assert (result["duplicate_groups"], result["duplicate_images"], result["duplicates_with_two_labels"]) == (1, 2, 1)
    assert (result["patients"], result["patients_in_several_splits"]) == (4, 1)
    assert result["sizes"] == [{"width": 20, "height": 20, "images": 5}]
    assert list(result["unreadable"]) == ["train/NORMAL/bad.png"]
    json.dumps(result)


# --- the hub, from local files ----------------------------------------------------------------------------


@pytest.fixture
def hub_folder(tmp_path):
    """A hub set as a folder of parquet files, which `datasets` reads the same way."""
    import datasets

    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["NORMAL", "PNEUMONIA"])}
    )
    for split, count, seed in (("train", 12, 0), ("test", 4, 100)):
        rows = {"image": [{"bytes": png(seed + n), "path": f"person{seed + n}_virus_1.jpeg"} for n in range(count)],
                "label": [n % 2 for n in range(count)]}  # fmt: skip
        (tmp_path / "hub" / "data").mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_dict(rows, features=features).to_parquet(
            tmp_path / "hub" / "data" / f"{split}-00000-of-00001.parquet"
        )
    return str(tmp_path / "hub")


def test_hub_set_is_read_through_the_same_door(hub_folder):
    dataset = data.open_source(f"hub:{hub_folder}")
    assert len(dataset.items) == 16
    assert [i.label for i in dataset.items] == [0, 1] * 8
    assert {i.split for i in dataset.items} == {"train", "test"}
    assert dataset.items[0].patient == "person0"
    np.testing.assert_array_equal(dataset.read(3), radiograph.read(png(3)).pixels)


def test_streaming_gives_a_handful_of_bytes(hub_folder):
    rows = data.stream_hub(hub_folder, count=3)
    assert len(rows) == 3
    for name, blob, label in rows:
        assert name.startswith("person")
        assert radiograph.read(blob).pixels.shape == (20, 20)
        assert label in (0, 1)


def test_a_hub_set_of_plain_image_files_is_read(tmp_path):
    """Where a set is no parquet, `datasets` gives paths instead of bytes."""
    write(tmp_path / "hub", {f"{split}/{name}/{name[0]}{n}.png": seed + n for n in range(2) for split, name, seed in (
        ("train", "NORMAL", 10), ("train", "PNEUMONIA", 20), ("test", "NORMAL", 30), ("test", "PNEUMONIA", 40))})  # fmt: skip
    dataset = data.open_source(f"hub:{tmp_path / 'hub'}")
    assert sorted((i.name, i.label, i.split) for i in dataset.items)[:4] == [
        ("test/N0.png", 0, "test"), ("test/N1.png", 0, "test"), ("test/P0.png", 1, "test"), ("test/P1.png", 1, "test"),
    ]  # fmt: skip
    for i, item in enumerate(dataset.items):
        if item.name == "train/P1.png":
            np.testing.assert_array_equal(dataset.read(i), radiograph.read(png(21)).pixels)
    assert {blob for _, blob, _ in data.stream_hub(str(tmp_path / "hub"))} == {png(n) for n in (30, 31, 40, 41)}


@pytest.mark.parametrize("classes", [["PNEUMONIA", "NORMAL"], ["COVID", "NORMAL"], ["NORMAL", "PNEUMONIA", "OTHER"]])
def test_a_hub_set_with_other_classes_is_not_read_upside_down(tmp_path, classes):
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=classes)})
    (tmp_path / "hub").mkdir()
    rows = {"image": [{"bytes": png(n), "path": f"{n}.png"} for n in range(2)], "label": [0, 1]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "hub" / "train.parquet")
    for read in (lambda: data.open_source(f"hub:{tmp_path / 'hub'}"), lambda: data.stream_hub(str(tmp_path / "hub"))):
        with pytest.raises(PneumoError, match="expected NORMAL, PNEUMONIA in this order"):
            read()


@pytest.mark.parametrize("row", [{"bytes": None, "path": "gone.png"}, {"bytes": b"", "path": None}])
def test_a_hub_row_without_an_image_or_label_says_which_columns_there_are(row):
    with pytest.raises(PneumoError, match="its columns are: image, label"):
        hub._hub_row({"image": row, "label": 1}, data.UNKNOWN_HUB_SET, "fallback", "set")
    with pytest.raises(PneumoError, match="0 NORMAL, 1 PNEUMONIA"):
        hub._hub_row({"image": {"bytes": png(1)}, "label": -1}, data.UNKNOWN_HUB_SET, "fallback", "set")
    assert hub._hub_row({"image": {"bytes": b"x"}, "label": 1}, data.UNKNOWN_HUB_SET, "fallback", "") == (
        "fallback",
        1,
        b"x",
    )


def test_a_hub_set_opens_no_file_of_this_machine(tmp_path):
    """A set's rows may name any path; only what was downloaded for it is read."""
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(1))
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "link.png").symlink_to(secret)
    for path in (secret, tmp_path / "hub" / ".." / "secret.png", tmp_path / "hub" / "link.png"):
        for identifier in (str(tmp_path / "hub"), "owner/name"):
            assert hub._hub_bytes({"path": str(path)}, identifier) is None
    (tmp_path / "hub" / "own.png").write_bytes(png(2))
    assert hub._hub_bytes({"path": str(tmp_path / "hub" / "own.png")}, str(tmp_path / "hub")) == png(2)


def test_a_hub_set_without_the_columns_says_which_it_has(tmp_path):
    import datasets

    (tmp_path / "hub").mkdir()
    datasets.Dataset.from_dict({"text": ["a"], "label": [0]}).to_parquet(tmp_path / "hub" / "train.parquet")
    with pytest.raises(PneumoError, match=r"no usable columns 'image' \(images\) and 'label'"):
        data.open_source(f"hub:{tmp_path / 'hub'}")


@pytest.mark.parametrize("identifier", ["/no/such/folder", "", "a/b/c", "owner/", "../x", "o w/n", "x" * 300, "a\nb"])
def test_what_cannot_be_a_hub_set_is_a_message(identifier):
    with pytest.raises(PneumoError, match="expected owner/name"):
        data.open_source(f"hub:{identifier}")


def test_a_hub_set_without_a_network_is_a_quick_message(monkeypatch):
    import datasets
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # read from the environment at import
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    started = time.monotonic()
    with pytest.raises(PneumoError, match="check the name and the network connection"):
        data.open_source("hub:nobody/no-such-set")
    assert time.monotonic() - started < 10


def test_streaming_without_a_network_is_a_quick_message(monkeypatch):
    import huggingface_hub

    def refuse(self, *args, **kwargs):
        raise ConnectionError("name or service not known")

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", refuse)
    with pytest.raises(PneumoError, match="check the network connection"):
        data.stream_hub()


def test_folds_hold_every_patient_once_and_never_the_internal_test(guangzhou):
    dataset = data.open_source(guangzhou)
    whole = data.split_patients(dataset, DataSpec(test=0.2))
    folds = [data.split_patients(dataset, DataSpec(test=0.2, folds=3, fold=n)) for n in range(3)]
    assert all((splits["test"] == whole["test"]).all() for splits in folds)
    held = np.concatenate([splits["validation"] for splits in folds])
    assert sorted(held) == sorted([*whole["train"], *whole["validation"]])
    for splits in folds:
        patients = [{dataset.items[i].patient for i in splits[split]} for split in ("train", "validation")]
        assert not patients[0] & patients[1]


def test_a_share_of_the_labels_takes_whole_patients_of_both_classes(guangzhou):
    dataset = data.open_source(guangzhou)
    everyone = np.arange(len(dataset.items))
    few = data.take_labels(dataset, everyone, 0.3, seed=1)
    assert 0 < len(few) < len(everyone)
    assert set(dataset.labels[few]) == {0, 1}
    chosen = {dataset.items[i].patient for i in few}
    assert all((item.patient in chosen) == (i in few) for i, item in enumerate(dataset.items))
    assert (data.take_labels(dataset, everyone, 0.3, seed=1) == few).all()
    assert set(few) <= set(data.take_labels(dataset, everyone, 0.6, seed=1))  # more labels keep the fewer
    assert (data.take_labels(dataset, everyone, 1.0, seed=1) == everyone).all()


@pytest.mark.parametrize(
    "changes", [{"folds": 1}, {"folds": 3, "fold": 3}, {"folds": -2}, {"labels": 0.0}, {"labels": 2.0}]
)
def test_impossible_folds_and_shares_are_refused(changes):
    with pytest.raises(PneumoError, match=r"data\.(folds|labels)"):
        DataSpec(**changes)


def test_patients_of_a_sources_own_test_set_are_not_trained_on(tmp_path):
    names = {f"train/PNEUMONIA/person{n}_virus_{n}.jpeg": n for n in range(20)}
    names |= {f"train/NORMAL/IM-{n:04d}-0001.jpeg": 100 + n for n in range(20)}
    names |= {f"test/PNEUMONIA/person{n}_bacteria_9{n}.jpeg": 200 + n for n in range(5)}
    dataset = data.open_source(write(tmp_path / "set", names))
    splits = data.split_patients(dataset, DataSpec())
    used = {dataset.items[i].patient for indices in splits.values() for i in indices}
    assert used == {f"person{n}" for n in range(5, 20)} | {f"IM-{n:04d}" for n in range(20)}


def test_a_cluster_is_left_out_of_training_and_validation(guangzhou):
    dataset = data.open_source(guangzhou)
    resized = np.random.default_rng(0).integers(0, 255, (len(dataset.items), 16, 16), dtype=np.uint8)
    splits = data.split_patients(dataset, DataSpec())
    result = data.leave_out(dataset, resized, splits, "subtype:virus")
    for split in ("train", "validation"):
        assert all(dataset.items[i].subtype != "virus" for i in result[split])
    assert set(dataset.labels[result["left_out"]]) == {0, 1}
    positive = [i for i in result["left_out"] if dataset.items[i].label == 1]
    assert {dataset.items[i].subtype for i in positive} == {"virus"}
    healthy = set(result["left_out"]) - set(positive)
    assert healthy <= set(splits["validation"])
    assert (result["test"] == splits["test"]).all()
    exposures = data.clusters(dataset, resized, np.arange(len(dataset.items)))
    assert sum(len(rows) for name, rows in exposures.items() if name.startswith("exposure")) == len(dataset.items)
    with pytest.raises(PneumoError, match="did you mean 'subtype:virus'"):
        data.leave_out(dataset, resized, splits, "subtype:virs")


def test_grey_statistics_see_the_frame():
    resized = np.full((2, 40, 40), 100, np.uint8)
    resized[1, :2] = resized[1, -2:] = 0
    result = data.grey_statistics(resized)
    assert result[0].tolist() == [100, 0, 100, 100, 100, 100, 100, 100]
    assert result[1, -1] < 60


def test_marked_phantoms_are_the_same_but_for_the_marker():
    plain, marked = (data.open_source(f"{name}:8:3") for name in ("phantom", "phantom-marked"))
    assert [item.label for item in plain.items] == [item.label for item in marked.items]
    assert {item.name for item in plain.items} == {item.name for item in marked.items}
    assert {item.digest for item in plain.items} != {item.digest for item in marked.items}
    with pytest.raises(PneumoError, match="no phantom source"):
        data.open_source("phantom-marked:x")
