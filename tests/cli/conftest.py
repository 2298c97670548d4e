"""A weights folder, a data set, and a way to run one command."""

import pytest

from pneumo import cli, runs


@pytest.fixture
def weights(small_run_folder, monkeypatch):
    """A weights folder whose default run is the small one."""
    (small_run_folder.parent / runs.DEFAULT_FILE).write_text("small\n")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(small_run_folder.parent))
    return small_run_folder.parent


@pytest.fixture
def images(tmp_path, examples):
    """Class folders with four readable images."""
    for example in examples:
        (tmp_path / "set" / example.label_name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / example.label_name / example.name).write_bytes(example.data)
    return tmp_path / "set"


@pytest.fixture
def run(capsys):
    """run("predict", path): (exit code, stdout, stderr)."""

    def call(*arguments) -> tuple[int, str, str]:
        code = cli.main(list(map(str, arguments)))
        out, err = capsys.readouterr()
        return code, out, err

    return call
