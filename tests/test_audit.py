"""The audit: the code as it stands passes bandit, and an unreachable service is never taken for a clean bill."""

import json
import subprocess

import pytest

from pneumo import runs
from tests import audit


def test_the_code_passes_bandit_and_every_excuse_has_a_reason(capsys):
    assert audit.bandit() == audit.FINE, capsys.readouterr().out
    for path in [path for root in audit.CODE for path in sorted((runs.REPOSITORY / root).rglob("*.py"))]:
        for line in path.read_text().splitlines():
            if "nosec" in line:
                assert len(line.split("nosec")[1].split(maxsplit=1)) == 2, f"{path}: {line}"


def answer(monkeypatch, stdout="", stderr=""):
    monkeypatch.setattr(audit, "_run", lambda *words: subprocess.CompletedProcess(words, 1, stdout, stderr))


def report(*packages):
    return json.dumps({"dependencies": list(packages)})


BUG = {"id": "PYSEC-1", "fix_versions": ["2"]}


@pytest.mark.parametrize(
    ("stdout", "stderr", "code", "says"),
    [
        ("", "ConnectionError: Max retries exceeded", audit.UNREACHABLE, "NOT CHECKED"),
        ("", "", audit.UNREACHABLE, "NOT CHECKED"),
        (report({"name": "a", "skip_reason": "not found"}), "", audit.UNREACHABLE, "knows 0 of the 1 packages"),
        (report({"name": "a", "version": "1", "vulns": []}), "", audit.FINE, "0 known vulnerabilities in 1 packages"),
        (report({"name": "a", "version": "1", "vulns": [BUG]}), "", audit.FOUND, "a 1: PYSEC-1, mended in 2"),
        ("", "error: unrecognised arguments", audit.FOUND, "NOT CHECKED"),
    ],
)
def test_an_unreachable_service_is_said_and_is_no_pass(monkeypatch, capsys, stdout, stderr, code, says):
    answer(monkeypatch, stdout, stderr)
    assert audit.pip_audit("pypi") == code
    assert says in capsys.readouterr().out


def test_the_worst_answer_counts(monkeypatch, capsys):
    monkeypatch.setattr(audit, "bandit", lambda: audit.FINE)
    answer(monkeypatch, "", "timed out")
    assert audit.main([]) == audit.UNREACHABLE
    assert audit.main(["--offline"]) == audit.FINE
    assert "as asked" in capsys.readouterr().out
