"""Ports: the audit log, and the names of the people in it."""

from collections.abc import Collection, Mapping
from typing import Protocol

from tenantry.audit.model import Entry, Span


class AuditLog(Protocol):
    """Written by the recorder alone: an entry is added once and never changed."""

    def add(self, entry: Entry) -> bool:
        """Keep `entry`; False when it was there already."""


class ActivityRepository(Protocol):
    """Reads the entries of one organisation."""

    def month(
        self, tenant_id: str, month: str, span: Span, limit: int, *, oldest_first: bool = False
    ) -> list[Entry]:
        """Up to `limit` entries of a month within `span`, newest first; fewer: there are none."""

    def narrowed(
        self,
        tenant_id: str,
        by: str,
        value: str,
        span: Span,
        limit: int,
        *,
        oldest_first: bool = False,
    ) -> list[Entry]:
        """The same across months, of one `actor_id`, `type` or `entity_id`; as of a moment ago."""


class PeopleNames(Protocol):
    def of(self, user_ids: Collection[str]) -> Mapping[str, str]:
        """The names of those users who have given one, in one round trip."""
