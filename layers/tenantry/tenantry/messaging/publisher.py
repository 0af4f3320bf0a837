"""Publishes what stream records say; a record that fails is kept whole, and the shard goes on."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tenantry.errors import TenantryError
from tenantry.messaging.changes import envelopes
from tenantry.messaging.event import Envelope

_ATTEMPTS = 3
"""An outage must not be answered with a storm: at most three times the calls of a good day."""


class EventBus(Protocol):
    """Port: where events are published."""

    def publish(self, events: Sequence[Envelope]) -> Mapping[int, str]:
        """Publish `events`; answers the positions that were refused, each with its cause."""


class FailureQueue(Protocol):
    """Port: where records that cannot be published wait, whole and with their cause."""

    def keep(self, record: Mapping[str, Any], cause: str) -> None: ...


@dataclass(frozen=True)
class Kept:
    """A record that waits in the failure queue; `cause` says more than a log may."""

    record_id: str
    cause: str

    @property
    def kind(self) -> str:
        """The class of the error, or its code: what a log may hold."""
        return self.cause.partition(":")[0]


@dataclass(frozen=True)
class Published:
    """What became of a batch: the events that the bus took, and the records that were kept."""

    accepted: tuple[Envelope, ...] = ()
    kept: tuple[Kept, ...] = ()

    @property
    def events(self) -> int:
        return len(self.accepted)

    @property
    def failed_records(self) -> int:
        return len(self.kept)


@dataclass(frozen=True)
class ChangePublisher:
    bus: EventBus
    failures: FailureQueue
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def publish(self, records: Sequence[Mapping[str, Any]]) -> Published:
        """Publish the events of `records`; raises only when a failed record cannot even be kept.

        Then the whole batch is delivered again: consumers know events by their id.
        """
        pending: list[tuple[int, Envelope]] = []
        causes: dict[int, str] = {}
        for position, record in enumerate(records):
            try:
                pending += [(position, envelope) for envelope in envelopes(record)]
            except TenantryError as error:
                causes[position] = f"{error.code}: {error}"
            except Exception as error:
                causes[position] = f"{type(error).__name__}: {error}"
        accepted, refused = self._publish(pending)
        causes |= refused
        for position, cause in causes.items():
            self.failures.keep(records[position], cause)
        kept = (Kept(str(records[at].get("eventID", "")), why) for at, why in causes.items())
        return Published(tuple(accepted), tuple(kept))

    def _publish(
        self, pending: list[tuple[int, Envelope]]
    ) -> tuple[list[Envelope], dict[int, str]]:
        """Publish with a few attempts; answers what was taken, and why each record was not."""
        accepted: list[Envelope] = []
        refused: dict[int, str] = {}
        for attempt in range(_ATTEMPTS):
            if not pending:
                break
            if attempt:
                self.sleep(self.jitter() * 0.1 * 2**attempt)
            answer = self.bus.publish([envelope for _, envelope in pending])
            accepted += [envelope for i, (_, envelope) in enumerate(pending) if i not in answer]
            refused = {pending[i][0]: cause for i, cause in sorted(answer.items())}
            pending = [pending[i] for i in sorted(answer)]
        return accepted, refused
