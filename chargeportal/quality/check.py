"""Everything that can be said about the code without running it: `make check`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from chargeportal.quality.messages import catalogue_problems
from chargeportal.runtime.published import PROJECT_ROOT

PYTHON = sys.executable
MANAGE = (PYTHON, "-W", "ignore::RuntimeWarning", "manage.py")
#: What a public installation sets; the deployment checks look at the product as it would run there.
PUBLIC = {
    "HTTPS": "1",
    "HSTS_SECONDS": "31536000",
    "SECRET_KEY": "only-for-this-check-" + "0123456789abcdef" * 4,
    "ALLOWED_HOSTS": "charge.example",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: nothing, or what it printed."""

    name: str
    text: str
    duration_s: float

    @property
    def passed(self) -> bool:
        """Say whether there is nothing to put right."""
        return not self.text


def main() -> int:
    """Run every check; print what fails; return 0 when nothing does."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        findings = list(pool.map(_timed, CHECKS, CHECKS.values()))
    for finding in findings:
        print(f"  {finding.name:<42} {'ok' if finding.passed else 'FAILED'} ({finding.duration_s:.1f} s)")
    failures = [finding for finding in findings if not finding.passed]
    for finding in failures:
        print(f"\n--- {finding.name}\n{finding.text}")
    print(f"\n{len(findings) - len(failures)} of {len(findings)} checks passed")
    return 1 if failures else 0


def _timed(name: str, check: Callable[[], str]) -> Finding:
    started_at_s = time.monotonic()
    text = check()
    return Finding(name, text, time.monotonic() - started_at_s)


def command(*words: str, env: dict[str, str] | None = None) -> Callable[[], str]:
    """Return a check that runs a command: its output when it fails, nothing when it succeeds."""

    def check() -> str:
        done = _run(words, env=env)
        return "" if done.returncode == 0 else done.stdout + done.stderr or f"exit code {done.returncode}"

    return check


def openapi_drift() -> str:
    """Return the difference between docs/openapi.yaml and what the code describes."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "openapi.yaml"
        done = _run((*MANAGE, "spectacular", "--validate", "--fail-on-warn", "--file", str(fresh)))
        if done.returncode:
            return done.stdout + done.stderr
        committed = PROJECT_ROOT / "docs" / "openapi.yaml"
        if committed.exists() and committed.read_text() == fresh.read_text():
            return ""
        difference = _run(("diff", "-u", str(committed), str(fresh)))
        return f"docs/openapi.yaml is not what the code says; run `make openapi`\n{difference.stdout[:4000]}"


def _run(words: Sequence[str], *, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=PROJECT_ROOT,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        check=False,
    )


CHECKS: dict[str, Callable[[], str]] = {
    "types (mypy)": command(PYTHON, "-m", "mypy"),
    "style (ruff check)": command(PYTHON, "-m", "ruff", "check", "."),
    "format (ruff format)": command(PYTHON, "-m", "ruff", "format", "--check", "."),
    "import contracts (import-linter)": command(str(Path(PYTHON).with_name("lint-imports")), "--no-cache"),
    "models and migrations agree": command(*MANAGE, "makemigrations", "--check", "--dry-run"),
    "Django's checks": command(*MANAGE, "check", "--fail-level", "WARNING"),
    "Django's checks for a public installation": command(
        *MANAGE, "check", "--deploy", "--fail-level", "WARNING", env=PUBLIC
    ),
    "docs/openapi.yaml is up to date": openapi_drift,
    "translations are complete": catalogue_problems,
}

if __name__ == "__main__":
    sys.exit(main())
