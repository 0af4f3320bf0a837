"""Commands, run as a person runs them."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Much more than any takes: a hang fails instead of blocking.
WITHIN_SECONDS = 600

# What an outer make, or the tests, tell their own children.
_OUTER = re.compile(r"^(AWS_|MAKE|MFLAGS|ENV$|PORT$|FUNCTION$|CHAPTER$|ARCHITECTURE$|PYTHON)")


def environment(**given: str) -> dict[str, str]:
    """That of a person's shell, with what is given."""
    kept = {name: value for name, value in os.environ.items() if not _OUTER.match(name)}
    return kept | given


def run(*command: str, **given: str) -> str:
    """What the command prints; it must succeed."""
    return run_in(ROOT, *command, **given)


def run_in(folder: Path, *command: str, **given: str) -> str:
    """The same in another folder."""
    status, said = _done(folder, command, given)
    assert status == 0, said
    return said


def run_in_vain(*command: str, **given: str) -> str:
    """What a command prints that must fail as one that tells why."""
    status, said = _done(ROOT, command, given)
    assert status == 1, said
    return said


def _done(folder: Path, command: Sequence[str], given: Mapping[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(**given),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=WITHIN_SECONDS,
    )
    return done.returncode, done.stdout
