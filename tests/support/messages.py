"""A bus and a failure queue that remember what they were given."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tenantry.messaging.event import Envelope


class FakeBus:
    """Keeps what is published; `refuse` says which event is refused, and why."""

    def __init__(self, refuse: Callable[[Envelope], str | None] = lambda _: None) -> None:
        self.events: list[Envelope] = []
        self.calls = 0
        self._refuse = refuse

    def publish(self, events: Sequence[Envelope]) -> Mapping[int, str]:
        self.calls += 1
        causes = [self._refuse(event) for event in events]
        self.events += [e for e, cause in zip(events, causes, strict=True) if cause is None]
        return {n: cause for n, cause in enumerate(causes) if cause is not None}


class FakeFailureQueue:
    """Keeps records with their causes, as the queue's message would carry them."""

    def __init__(self) -> None:
        self.kept: list[tuple[Mapping[str, Any], str]] = []

    def keep(self, record: Mapping[str, Any], cause: str) -> None:
        self.kept.append((json.loads(json.dumps(record)), cause))
