"""Deploy what was built to a real account, as `samconfig.toml` says of its environment.

    python -m tools.release dev

Refuses parameters that still have to be filled in, and an artifact that Lambda would start slowly
or not at all (`tools.artifact`). The stack's parameters are those of the environment, and the
version is the commit's.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tools.artifact import faults

ROOT = Path(__file__).parents[1]
TO_FILL_IN = "FILL-IN"

Run = Callable[[Sequence[str]], int]


def release(environment: str, samconfig: Path, version: str, run: Run) -> int:
    """Check the artifact and deploy it with `run`; 1 when it must not go, else what `run` says."""
    config = tomllib.loads(samconfig.read_text())
    build = samconfig.parent / _settings(config, environment, "build")["build_dir"]
    parameters = _settings(config, environment, "deploy")["parameter_overrides"]
    values = dict(parameter.split("=", 1) for parameter in parameters)

    if missing := [name for name, value in values.items() if TO_FILL_IN in value]:
        print(f"{samconfig.name}: {environment} needs {', '.join(missing)}", file=sys.stderr)
        return 1
    found = list(faults(build, values["Architecture"]))
    if found:
        shown = "\n".join(f"  {fault}" for fault in found[:20])
        print(f"{build} must not be deployed, {len(found)} faults:\n{shown}", file=sys.stderr)
        return 1
    print(f"== deploying tenantry-{environment} {version} with the credentials of this shell")
    # What is given here replaces the environment's own list.
    overrides = [*parameters, f"AppVersion={version}"]
    return run(["sam", "deploy", "--config-env", environment, "--parameter-overrides", *overrides])


def _settings(config: dict[str, Any], environment: str, command: str) -> dict[str, Any]:
    settings: dict[str, Any] = config[environment][command]["parameters"]
    return settings


def version(checkout: Path) -> str:
    """The commit's name; without one, such as in an unpacked archive, the project's version."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--tags"],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        project = tomllib.loads((checkout / "pyproject.toml").read_text())
        return str(project["project"]["version"])
    return described.stdout.strip()


def _run(command: Sequence[str]) -> int:
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(release(sys.argv[1], ROOT / "samconfig.toml", version(ROOT), _run))
