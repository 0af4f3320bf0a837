"""Ids: time-ordered for new things, derived for things that must come out the same twice."""

from datetime import UTC, datetime
from uuid import UUID, uuid5

from uuid_utils import uuid7

NAMESPACE = UUID("6f1c2a52-5d0a-4c66-9a63-5d2f1a0f7b11")


def new_id() -> str:
    """A UUID version 7: unique, and ordered by the millisecond it was made in."""
    return str(uuid7())


def derived_id(*parts: str) -> str:
    """The UUID version 5 of `parts`: the same for the same parts, whoever asks, whenever."""
    return str(uuid5(NAMESPACE, "\x1f".join(parts)))


def now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)
