"""Whether what the product needs to answer is there right now."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

KEPT = 5.0
"""Seconds for which an answer stands: anybody may ask, and asking must cost us little."""

Checks = Mapping[str, Callable[[], Any]]


@dataclass(frozen=True)
class Health:
    """The state of each dependency by name: `up` or `down`."""

    dependencies: dict[str, str]

    @property
    def is_up(self) -> bool:
        return all(state == "up" for state in self.dependencies.values())


@dataclass
class HealthService:
    """Asks each dependency at most once in KEPT seconds; `monotonic` is in seconds.

    `report` is told the name of what is down and the class of its error.
    """

    checks: Checks
    report: Callable[[str, str], None]
    monotonic: Callable[[], float] = time.monotonic
    _last: tuple[float, Health] | None = field(default=None)

    def health(self) -> Health:
        """The state of all dependencies, asked at once; a failing one is `down`, and reported."""
        now = self.monotonic()
        if self._last and now - self._last[0] < KEPT:
            return self._last[1]
        with ThreadPoolExecutor(max_workers=len(self.checks)) as pool:
            states = pool.map(self._state, self.checks.keys(), self.checks.values())
            found = Health(dict(zip(self.checks, states, strict=True)))
        self._last = now, found
        return found

    def _state(self, name: str, check: Callable[[], Any]) -> str:
        try:
            check()
        except Exception as error:
            self.report(name, type(error).__name__)
            return "down"
        return "up"
