"""python -m tests.audit: bandit over the code, pip-audit over what is installed. Exit code 0 where neither found anything.

pip-audit asks a database on the network. Where that cannot be reached, the audit says so, and does not count it as passed:
exit code 3, unless --offline says that this is known.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from pneumo import runs

CODE = ("app.py", "pages", "pneumo", "benchmarks", "docs")  # tests spoil things on purpose
FINE, FOUND, UNREACHABLE = 0, 1, 3
TIMEOUT_S = 300
OUT_OF_REACH = ("ConnectionError", "connection", "resolve", "timed out", "timeout", "Max retries", "ServiceError", "proxy", "HTTPError", "Client Error")  # fmt: skip


def bandit() -> int:
    """Every finding of low severity and above; what is meant stands with a reason behind `# nosec`."""
    done = _run("bandit", "--quiet", "--recursive", "--format", "json", *CODE)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        print(f"bandit did not run: {(done.stderr or done.stdout).strip()[-1000:]}")
        return FOUND
    for each in report["results"]:
        place = f"{each['filename']}:{each['line_number']}"
        print(f"{place}: {each['test_id']} {each['issue_text']} ({each['issue_severity'].lower()})")
    skipped = report["metrics"]["_totals"]["nosec"] + report["metrics"]["_totals"]["skipped_tests"]
    print(f"bandit: {len(report['results'])} findings, {skipped} places excused with a reason")
    return FOUND if report["results"] or report["errors"] else FINE


def pip_audit(service: str) -> int:
    """Known vulnerabilities of the installed packages. service: "pypi" or "osv"."""
    done = _run("pip_audit", "--format", "json", "--progress-spinner", "off", "--vulnerability-service", service, "--timeout", "15")  # fmt: skip
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"pip-audit: NOT CHECKED, the service {service} gave no answer: {reason[:300]}")
        return UNREACHABLE if any(word in done.stderr for word in OUT_OF_REACH) or not done.stderr else FOUND
    unknown = [each["name"] for each in packages if "skip_reason" in each]
    known = len(packages) - len(unknown)
    if known < len(packages) / 2:
        print(f"pip-audit: NOT CHECKED, the service {service} knows {known} of the {len(packages)} packages here")
        return UNREACHABLE
    found = [(each["name"], each["version"], bug) for each in packages for bug in each.get("vulns", [])]
    for name, version, bug in found:
        print(f"{name} {version}: {bug['id']}, mended in {', '.join(bug['fix_versions']) or 'no version yet'}")
    rest = f"; not known to the service: {', '.join(unknown)}" if unknown else ""
    print(f"pip-audit: {len(found)} known vulnerabilities in {known} packages{rest}")
    return FOUND if found else FINE


def _run(module: str, *words: str) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(
            [sys.executable, "-m", module, *words],
            cwd=runs.REPOSITORY,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess([module], 1, "", f"timed out after {TIMEOUT_S} s")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.audit", description=__doc__)
    parser.add_argument("--service", choices=("pypi", "osv"), default="pypi", help="whom pip-audit asks")
    parser.add_argument("--offline", action="store_true", help="do not ask a service on the network")
    options = parser.parse_args(arguments)
    results = [bandit()]
    if options.offline:
        print("pip-audit: NOT CHECKED, as asked (--offline)")
    else:
        results.append(pip_audit(options.service))
    return FOUND if FOUND in results else max(results)


if __name__ == "__main__":
    sys.exit(main())
