"""What happened behind a step: which functions ran, which events flowed, by their logs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Happening:
    """Names of functions that ran, and of events that were published and consumed, in order."""

    functions: tuple[str, ...]
    published: tuple[str, ...]
    consumed: tuple[str, ...]

    def __str__(self) -> str:
        parts = []
        if self.functions:
            parts.append("ran " + ", ".join(self.functions))
        if self.published:
            parts.append("published " + ", ".join(self.published))
        if self.consumed:
            parts.append("audited " + ", ".join(self.consumed))
        return "; ".join(parts)


@dataclass
class Logs:
    """The log groups of one deployment's functions; `prefix` is the deployment's name."""

    client: Any
    prefix: str

    def since(self, start_ms: int) -> Happening:
        """What the functions logged from `start_ms` (epoch milliseconds) on."""
        functions: list[str] = []
        published: list[str] = []
        consumed: list[str] = []
        for group in self._groups():
            name = group.removeprefix(f"/aws/lambda/{self.prefix}-")
            lines = list(self._lines(group, start_ms))
            if lines:
                functions.append(name)
            for line in lines:
                if line.get("message") == "published":
                    published.append(line.get("event_type", ""))
                if line.get("message") == "consumed":
                    consumed.append(line.get("event_type", ""))
        return Happening(tuple(functions), tuple(published), tuple(consumed))

    def _groups(self) -> Iterator[str]:
        pages = self.client.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix=f"/aws/lambda/{self.prefix}-"
        )
        for page in pages:
            yield from (group["logGroupName"] for group in page["logGroups"])

    def _lines(self, group: str, start_ms: int) -> Iterator[Mapping[str, Any]]:
        """The structured lines of a group, oldest first; other lines count as empty ones."""
        pages = self.client.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=start_ms
        )
        for page in pages:
            for event in page["events"]:
                try:
                    line = json.loads(event["message"])
                except ValueError:
                    line = None
                yield line if isinstance(line, dict) else {}
