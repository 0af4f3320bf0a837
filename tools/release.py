"""Deploy what was built to a real account, as `samconfig.toml` says of its environment.

    python -m tools.release dev

Refuses an artifact that Lambda would start slowly or not at all (`tools.artifact`). The stack's
parameters are those of the environment, and the version is the commit's.
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

Run = Callable[[Sequence[str]], int]


def release(environment: str, samconfig: Path, version: str, run: Run) -> int:
    """Check the artifact and deploy it with `run`; 1 when it must not go, else what `run` says."""
    config = tomllib.loads(samconfig.read_text())
    build = samconfig.parent / _settings(config, environment, "build")["build_dir"]
    parameters = _settings(config, environment, "deploy")["parameter_overrides"]
    architecture = dict(parameter.split("=", 1) for parameter in parameters)["Architecture"]

    found = list(faults(build, architecture))
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


def _version() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--tags"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return described.stdout.strip()


def _run(command: Sequence[str]) -> int:
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(release(sys.argv[1], ROOT / "samconfig.toml", _version(), _run))
