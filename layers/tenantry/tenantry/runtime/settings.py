"""What a function is told by its environment; read once, by `bootstrap` only."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Settings:
    """The environment of a function. A name that a function was not given raises on use."""

    values: Mapping[str, str]

    @classmethod
    def from_env(cls) -> Self:
        return cls(dict(os.environ))

    def required(self, name: str) -> str:
        """The value of `name`; LookupError that names it when it is missing or empty."""
        value = self.values.get(name, "")
        if not value:
            raise LookupError(f"environment variable {name} is not set")
        return value

    def text(self, name: str, default: str = "") -> str:
        return self.values.get(name, "") or default

    def number(self, name: str, default: int) -> int:
        """A whole number; ValueError for anything else."""
        return int(self.values.get(name, "") or default)

    def flag(self, name: str) -> bool:
        return self.values.get(name, "").lower() == "true"

    def texts(self, name: str) -> tuple[str, ...]:
        """A comma-separated list, as it is, without blanks; empty when it is not there."""
        parts = (part.strip() for part in self.values.get(name, "").split(","))
        return tuple(part for part in parts if part)

    def names(self, name: str) -> frozenset[str]:
        """A comma-separated list, lower-cased, without blanks."""
        return frozenset(
            part.strip().lower() for part in self.values.get(name, "").split(",") if part.strip()
        )
