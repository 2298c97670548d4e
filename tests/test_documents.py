"""README and docs say what is true of this repository."""

import importlib.util
import re
import shlex

import pytest

from pneumo import cli, runs

ROOT = runs.REPOSITORY
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_readme_is_short_and_begins_with_an_image_and_two_commands():
    lines = README.splitlines()
    assert len(lines) < 200
    image = next(n for n, line in enumerate(lines) if line.startswith("!["))
    commands = [n for n, line in enumerate(lines) if line.startswith("python3 -m venv")]
    assert image < commands[0] < 25 and len(commands) == 2


def test_images_and_links_lead_to_files():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_the_first_prediction_in_python_runs_as_it_stands(capsys):
    [code] = blocks("python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    exec(compile(code, "README.md", "exec"), {})
    probability, label = capsys.readouterr().out.splitlines()[0].split()
    assert 0 <= float(probability) <= 1 and label in ("NORMAL", "UNCERTAIN", "PNEUMONIA")


def test_every_command_of_the_readme_exists_and_every_command_is_in_the_readme():
    named = set(re.findall(r"python -m pneumo ([a-z-]+)", README))
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert named == set(cli.COMMANDS)


def test_options_of_the_command_list_exist(capsys):
    for line in blocks("sh")[3].splitlines():
        words = shlex.split(line.split("#")[0].replace("[", " ").replace("]", " "))
        command, options = words[3], [word for word in words if word.startswith("--")]
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        text = capsys.readouterr().out
        assert all(option in text for option in options), line


def test_the_architecture_names_folders_that_are_there():
    tree = README.split("## Architecture")[1].split("```")[1]
    for name in re.findall(r"([a-z_]+(?:/|\.py))", tree.replace("pages/shared/", "")):
        places = [ROOT / name, ROOT / "pneumo" / name, ROOT / "pages" / name, *(ROOT / "pneumo").rglob(name)]
        assert any(place.exists() for place in places), name


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_results_in_short_are_the_default_runs():
    module = script("results")
    assert module.IN_SHORT.search(README)[2].strip() == module.in_short(), "run python docs/results.py"


def test_the_tables_of_results_are_those_of_the_weights():
    module = script("results")
    assert module.text() == module.FILE.read_text(), "run python docs/results.py"


@pytest.mark.slow  # it recalibrates hundreds of times
def test_the_page_about_travelling_is_that_of_the_evaluations():
    module = script("travel")
    assert module.text() == module.FILE.read_text(), "run python docs/travel.py"
