"""What happened behind a step: which functions ran, which events flowed, by their logs."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

# Between a function's end and the next one's start lies less than that.
_QUIET_SECONDS = 0.06
_SETTLED_SECONDS = 10
_RECORDER = "audit-record-events"
"""It hears of everything; other consumers of some, and log that too."""


@dataclass(frozen=True)
class Happening:
    """The functions that ran, and the types of events published and recorded.

    In order, each as often as it happened.
    """

    functions: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether everything published has been recorded."""
        return not Counter(self.published) - Counter(self.recorded)

    @property
    def rows(self) -> list[tuple[str, str]]:
        """What there is to tell, each with its name."""
        rows = [("ran", _counted(self.functions))]
        if Counter(self.published) == Counter(self.recorded):
            rows.append(("events", _counted(self.published)))
        else:
            rows.append(("published", _counted(self.published)))
            rows.append(("recorded", _counted(self.recorded)))
        return [(name, text) for name, text in rows if text]


def _counted(names: Iterable[str]) -> str:
    return ", ".join(
        f"{name} ×{count}" if count > 1 else name for name, count in Counter(names).items()
    )


@dataclass
class Logs:
    """The log groups of one deployment's functions; `prefix` is the deployment's name."""

    client: Any
    prefix: str
    is_quiet: Callable[[], bool]
    """Whether nothing runs and nothing waits to be read, as the local cloud tells."""
    _read: dict[str, tuple[int, int, list[tuple[int, str]]]] = field(
        default_factory=dict, repr=False
    )
    """Of each log its size when it was read, and what it held from some moment on."""

    def settled(self, start_ms: int) -> Happening:
        """What the functions logged from `start_ms` (epoch milliseconds) on, once all is quiet.

        Waits until nothing more happens and everything published is recorded, or long enough.
        """
        deadline = time.monotonic() + _SETTLED_SECONDS
        self._await_quiet(deadline)
        while not (seen := self.since(start_ms)).is_whole and time.monotonic() < deadline:
            self._await_quiet(deadline)
        return seen

    def _await_quiet(self, deadline: float) -> None:
        """Wait until it is quiet and has been for a moment, or until `deadline`."""
        quiet_since: float | None = None
        while (now := time.monotonic()) < deadline:
            if not self.is_quiet():
                quiet_since = None
            elif quiet_since is None:
                quiet_since = now
            elif now - quiet_since >= _QUIET_SECONDS:
                return
            time.sleep(0.02)

    def since(self, start_ms: int) -> Happening:
        """What the functions logged from `start_ms` (epoch milliseconds) on."""
        functions: list[str] = []
        published: list[str] = []
        recorded: list[str] = []
        for _, function, message in sorted(self._logged(start_ms), key=lambda each: each[0]):
            if message.startswith("START RequestId"):
                functions.append(function)
                continue
            line = _structured(message)
            if line.get("message") == "published":
                published.append(line.get("event_type", "?"))
            if function == _RECORDER and line.get("message") == "consumed":
                recorded.append(line.get("event_type", "?"))
        return Happening(tuple(functions), tuple(published), tuple(recorded))

    def _logged(self, start_ms: int) -> Iterator[tuple[int, str, str]]:
        """When, by which function, and what. A log that has not grown is not read again."""
        for group, size in self._groups():
            function = group.removeprefix(f"/aws/lambda/{self.prefix}-")
            known = self._read.get(group)
            if known is None or known[0] != size or known[1] > start_ms:
                known = self._read[group] = (size, start_ms, self._events(group, start_ms))
            for at, message in known[2]:
                if at >= start_ms:
                    yield at, function, message

    def _events(self, group: str, start_ms: int) -> list[tuple[int, str]]:
        pages = self.client.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=start_ms
        )
        return [(each["timestamp"], each["message"]) for page in pages for each in page["events"]]

    def _groups(self) -> Iterator[tuple[str, int]]:
        """Every log with its size, which the local cloud tells as of now."""
        pages = self.client.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix=f"/aws/lambda/{self.prefix}-"
        )
        for page in pages:
            for group in page["logGroups"]:
                yield group["logGroupName"], group["storedBytes"]


def _structured(message: str) -> dict[str, Any]:
    """A line as the logger wrote it; nothing for the lines of Lambda itself."""
    try:
        line = json.loads(message)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
