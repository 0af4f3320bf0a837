"""Ports: the list of organisations, how far sweeps are, usage, and rows to be counted."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from tenantry.messaging.event import Event
from tenantry.organizations.model import Organization
from tenantry.usage.model import Counted, Progress, UsageLedger


class Register(Protocol):
    """Every organisation there is, as the audit keeps them."""

    def page(self, after: str | None, limit: int) -> tuple[list[str], str | None]:
        """Up to `limit` organisations after `after`, and where to go on; None at the end.

        A page may be empty and not the last.
        """


class ProgressStore(Protocol):
    def read(self, name: str) -> Progress:
        """Where a sweep is, strongly consistent; a new one has not begun."""

    def save(self, progress: Progress) -> None:
        """Store the next version; ConflictError when another run was there first."""


class UsageRepository(Protocol):
    def read(
        self, tenant_ids: Sequence[str]
    ) -> Mapping[str, tuple[Organization, UsageLedger] | None]:
        """Organisations with what was told of them, strongly consistent.

        Without those that are not there; None for one that breaks its schema.
        """

    def tell(self, before: UsageLedger, after: UsageLedger, events: Sequence[Event]) -> None:
        """Store the next version; ConflictError when `before` no longer stands there."""

    def counted(self, tenant_id: str, counter: str) -> Counted | None:
        """A counter of an organisation, strongly consistent; None when there is none."""

    def ledger(self, tenant_id: str) -> UsageLedger:
        """What was told of an organisation, strongly consistent."""

    def repair(
        self,
        counter: str,
        seen: Counted,
        rows: int,
        ledgers: tuple[UsageLedger, UsageLedger],
        event: Event,
    ) -> None:
        """Set a counter to `rows` and store the event; ConflictError when it moved since `seen`."""


class OwnCounter(Protocol):
    """Of a context that keeps a counter beside its rows, and not on the organisation's item."""

    @property
    def counter(self) -> str: ...

    def prove(self, tenant_id: str) -> tuple[int, int] | None:
        """What was counted and what rows there were, when these differed and are the same now.

        CorruptDataError when the rows cannot be read, UnknownRouteError when they are not found.
        """


class RowCounter(Protocol):
    """Of the context that owns the rows: what a counter of an organisation must equal."""

    @property
    def counter(self) -> str:
        """The organisation's attribute, such as `used_projects`."""

    @property
    def settles(self) -> timedelta:
        """How long after its counter has moved a row may still come: none in one transaction."""

    def rows(self, tenant_id: str) -> int:
        """How many rows count, or what they come to, read strongly consistent."""
