"""The page of direct dependencies, `docs/dependencies.md`.

    python -m tools.dependencies           write it, when it is not current
    python -m tools.dependencies --check   exit 1 when it is not current

Names and reasons come from the `.in` files, versions from the hashed lists made of them, licences
from the installed packages, and release dates from the package index, which is asked only about
versions that are not on the page yet.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "dependencies.md"

SOURCES = {
    "layers/core/requirements.in": "The layer `core`: in every function",
    "layers/billing/requirements.in": "The layer `billing`: in what speaks to the payment provider",
    "layers/mail/requirements.in": "The layer `mail`: in what sends mails",
    "layers/sealing/requirements.in": "The layer `sealing`: in the audit's sealer and verifier",
    "layers/passwords/requirements.in": "The layer `passwords`: in the migration trigger alone",
    "layers/reports/requirements.in": "The layer `reports`: in what makes PDFs",
    "requirements/dev.in": "Development, tests and the local cloud: `.venv/dev`",
    "requirements/uv.in": "What installs the others",
    "requirements/sam.in": "Build and deployment: `.venv/sam`",
    "requirements/audit.in": "The security of the templates: `.venv/audit`",
}

_INTRODUCTION = """\
# Dependencies

Every package that the project names itself, with the version it is pinned to. What these bring
along is pinned too, with hashes, in the `requirements.txt` of each layer and in
`requirements/*.txt`: `make lock` makes those again from the `.in` files (`UPGRADE=1` for newer
versions), and `make docs` this page.

The front end that the end-to-end tests run, on Node, names `aws-amplify` (Apache-2.0) in
`tests/e2e/amplify/package.json`. The layer `reports` carries fonts too, DejaVu Sans (Bitstream
Vera's licence) and Droid Sans Fallback (Apache-2.0): `layers/reports/report_fonts/README.md`.
"""

_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?(==\S+)?  # (?P<reason>.+)$")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
_ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)

# What packages call licences in prose, by the SPDX name.
_SPDX = {
    "Apache License 2.0": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "MIT License": "MIT",
    "MIT license": "MIT",
}


@dataclass(frozen=True, order=True)
class Dependency:
    """A package that the project names itself."""

    source: str
    name: str
    version: str
    reason: str


@dataclass(frozen=True)
class Published:
    """What its publisher says of a version."""

    released: str
    licence: str


class UnexplainedDependencyError(Exception):
    """A line of an `.in` file is not `name==version  # why`."""


def direct() -> list[Dependency]:
    """Every direct dependency, in the order of the files."""
    return [each for source in SOURCES for each in _direct(source)]


def published(page: str) -> dict[tuple[str, str], Published]:
    """What the page says of each name and version."""
    rows = _ROW.findall(page)
    return {(name, version): Published(date, licence) for name, version, date, licence, _ in rows}


def render(known: Mapping[tuple[str, str], Published]) -> str:
    """The page; KeyError for a version that nothing is known of."""
    parts = [_INTRODUCTION]
    for source, title in SOURCES.items():
        parts.append(f"## {title}\n")
        parts.append("| package | version | released | licence | why |\n|---|---|---|---|---|")
        for each in _direct(source):
            about = known[each.name, each.version]
            cells = [each.name, each.version, about.released, about.licence, each.reason]
            parts.append(f"| {' | '.join(cells)} |")
        parts.append("")
    return "\n".join(parts)


def is_current() -> bool:
    """Whether the page says what the hashed lists hold."""
    page = PAGE.read_text() if PAGE.exists() else ""
    try:
        return render(published(page)) == page
    except KeyError:
        return False


def _direct(source: str) -> Iterator[Dependency]:
    path = ROOT / source
    pins = dict(_PIN.findall(path.with_suffix(".txt").read_text()))
    for line in path.read_text().splitlines():
        if not line or line.startswith(("#", "-r ")):
            continue
        match = _REQUIREMENT.match(line)
        if not match:
            raise UnexplainedDependencyError(f"{source}: {line}")
        name = match["name"]
        yield Dependency(source, name, pins[name], match["reason"])


def _ask(dependencies: list[Dependency]) -> dict[tuple[str, str], Published]:
    """Release dates by uv, which records them when it locks, and licences of what is installed."""
    dates: dict[str, str] = {}
    # Together they cannot be resolved: SAM needs another boto3.
    for source in {each.source for each in dependencies}:
        dates |= _release_dates([each for each in dependencies if each.source == source])
    return {
        (each.name, each.version): Published(dates[each.name], _licence(each.name))
        for each in dependencies
    }


def _release_dates(dependencies: list[Dependency]) -> dict[str, str]:
    pins = [f"{each.name}=={each.version}" for each in dependencies]
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "pyproject.toml").write_text(
            "[project]\nname = 'dates'\nversion = '0'\n"
            f"requires-python = '>=3.13,<3.14'\ndependencies = {pins}\n"
        )
        subprocess.run(
            ["uv", "lock", "--quiet", "--python", sys.executable], cwd=project, check=True
        )
        locked = tomllib.loads((project / "uv.lock").read_text())
    named = {each.name for each in dependencies}
    return {
        package["name"]: min(wheel["upload-time"] for wheel in package["wheels"])[:10]
        for package in locked["package"]
        if package["name"] in named
    }


def _licence(name: str) -> str:
    metadata = _distribution(name).metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    # Some put the whole text there.
    stated = (metadata.get("License") or "").partition("\n")[0].strip()
    if not stated:
        classified = [c for c in metadata.get_all("Classifier") or [] if c.startswith("License ::")]
        stated = classified[0].rpartition(" :: ")[2] if classified else "not stated"
    return _SPDX.get(stated, stated)


def _distribution(name: str) -> Distribution:
    folders = [str(path) for path in ROOT.glob(".venv/*/lib/python*/site-packages")]
    return next(iter(distributions(name=name, path=folders)))


def main(arguments: list[str]) -> int:
    if is_current():
        return 0
    if "--check" in arguments:
        print(f"{PAGE.relative_to(ROOT)} is not current: run `make docs`")
        return 1
    known = published(PAGE.read_text()) if PAGE.exists() else {}
    missing = [each for each in direct() if (each.name, each.version) not in known]
    PAGE.write_text(render(known | _ask(missing)))
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
