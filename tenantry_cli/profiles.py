"""Profiles: which deployment a command speaks to, and who is signed in there.

`local` is the local cloud's own outputs file; others are kept under the person's configuration
folder. A session is kept beside them, readable by its owner alone; a password never is.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenantry_cli.api import Tokens
from tenantry_cli.errors import NoProfileError, UsageError

LOCAL = "local"
LOCAL_OUTPUTS = Path(".localcloud/outputs.json")
NEEDED = ("Region", "UserPoolId", "UserPoolClientId", "GraphqlUrl", "RestUrl")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True)
class Profile:
    """A deployment by its outputs; `session` is where its tokens are kept."""

    name: str
    outputs: Mapping[str, str]
    session: Path

    def tokens(self) -> Tokens | None:
        """The kept session; None when nobody is signed in."""
        try:
            kept = json.loads(self.session.read_text())
            return Tokens(kept["access"], kept["id"], kept["refresh"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, tokens: Tokens) -> None:
        """Keep the session where only its owner can read it."""
        kept = {"access": tokens.access, "id": tokens.id, "refresh": tokens.refresh}
        _write(self.session, kept)

    def forget(self) -> None:
        self.session.unlink(missing_ok=True)


@dataclass(frozen=True)
class Profiles:
    """The profiles of a person: `home` is their configuration folder, `local` the outputs file."""

    home: Path
    local: Path = LOCAL_OUTPUTS

    @classmethod
    def of_environment(cls) -> "Profiles":
        """$TENANTRY_HOME, else $XDG_CONFIG_HOME/tenantry, else ~/.config/tenantry."""
        base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
        home = os.environ.get("TENANTRY_HOME") or str(Path(base) / "tenantry")
        return cls(Path(home), Path(os.environ.get("TENANTRY_OUTPUTS") or LOCAL_OUTPUTS))

    def get(self, name: str) -> Profile:
        """NoProfileError that says how to make one, when there is none."""
        file = self.local if name == LOCAL else self._file(name)
        session = self.home / "sessions" / f"{_checked(name)}.json"
        try:
            outputs = json.loads(file.read_text())
        except (OSError, ValueError):
            how = "run `make up`" if name == LOCAL else "add it with `tenantry profiles add`"
            raise NoProfileError(f"There is no profile {name!r}: {how}.") from None
        return Profile(name, checked_outputs(outputs), session)

    def add(self, name: str, outputs: Any) -> Profile:
        """Keep a deployment's outputs under `name`."""
        if name == LOCAL:
            raise UsageError("`local` is the local cloud's own; choose another name.")
        checked = checked_outputs(outputs)
        _write(self._file(name), checked)
        return self.get(name)

    def names(self) -> list[str]:
        kept = sorted(path.stem for path in (self.home / "profiles").glob("*.json"))
        return ([LOCAL] if self.local.exists() else []) + kept

    def _file(self, name: str) -> Path:
        return self.home / "profiles" / f"{_checked(name)}.json"


def checked_outputs(outputs: Any) -> dict[str, str]:
    """A deployment's outputs, from our own file or as CloudFormation describes a stack."""
    if isinstance(outputs, dict) and "Stacks" in outputs:
        stacks = outputs["Stacks"] or [{}]
        outputs = stacks[0].get("Outputs", [])
    if isinstance(outputs, list):
        outputs = {each.get("OutputKey"): each.get("OutputValue") for each in outputs}
    if not isinstance(outputs, dict):
        raise UsageError("The outputs are neither an object of names nor CloudFormation's own.")
    missing = [name for name in NEEDED if not outputs.get(name)]
    if missing:
        raise UsageError(f"The outputs lack {', '.join(missing)}.")
    return {str(name): str(value) for name, value in outputs.items()}


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError("A profile's name has lower-case letters, digits and hyphens.")
    return name


def _write(file: Path, content: Mapping[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        json.dump(dict(content), opened)
    new.replace(file)
