"""What is written: entities with their events, and the conditions that guard them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tenantry.messaging.event import Event
from tenantry.persistence.keys import Key


@dataclass(frozen=True)
class Create:
    """A new entity at `entity_version` 1; refused when the key is taken."""

    key: Key
    attributes: Mapping[str, Any]
    events: tuple[Event, ...] = ()
    replace_if: Mapping[str, Any] = field(default_factory=dict)
    """Also accepted over an item whose attributes equal these (an ended reservation, say)."""


@dataclass(frozen=True)
class Change:
    """The next version of an entity; refused unless it stands at `expected_version`.

    Only what is named is written, so counters that others move are left as they are.
    """

    key: Key
    expected_version: int
    set: Mapping[str, Any]
    events: tuple[Event, ...]
    remove: frozenset[str] = frozenset()
    require: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """By how much a counter moves, and between which bounds it stays."""

    attribute: str
    by: int
    limit: int | None = None
    floor: int = 0


@dataclass(frozen=True)
class Count:
    """Moves a counter without a new version; belongs into the transaction of what it counts.

    Refused when the result would pass `limit` or fall under `floor`, when an attribute of
    `require` has another value, or when there is no item and nothing it `makes`. A counter that is
    not there yet stands at zero. Each move is counted too, at `moves_of(attribute)`: whoever counts
    the rows themselves sees whether the counter moved meanwhile, even when it moved there and back.
    """

    key: Key
    attribute: str
    by: int
    limit: int | None = None
    require: Mapping[str, Any] = field(default_factory=dict)
    floor: int = 0
    makes: Mapping[str, Any] = field(default_factory=dict)
    """Attributes of the item when it is not there yet: its first count makes it."""
    also: tuple[Step, ...] = ()
    """Further counters of the item: a transaction takes one write of each item."""

    @property
    def steps(self) -> tuple[Step, ...]:
        return (Step(self.attribute, self.by, self.limit, self.floor), *self.also)


@dataclass(frozen=True)
class Check:
    """Refuses the transaction unless the item exists with these attribute values."""

    key: Key
    require: Mapping[str, Any] = field(default_factory=dict)
    one_of: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Attributes that may have any of several values."""


@dataclass(frozen=True)
class Copy:
    """Values of another entity, shown on this one: neither a new version nor an event.

    Refused when there is no item, when one copied of that version or of a later one is there, or
    when an attribute of `unless` has that value.
    """

    key: Key
    set: Mapping[str, Any]
    version_attribute: str
    version: int
    unless: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Assign:
    """Sets what is no state of an entity, such as a counter, without a new version or event.

    Refused unless the item exists with the attribute values of `require`; None says absent.
    """

    key: Key
    set: Mapping[str, Any]
    require: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fence:
    """Refuses the transaction when `attribute` of the item has passed `at`.

    Without an item nothing has passed it, unless it `must_exist`.
    """

    key: Key
    attribute: str
    at: int
    must_exist: bool = False


@dataclass(frozen=True)
class Store:
    """An item whole, as it stood elsewhere, whatever stands here: for copies, without `events`.

    `item` is in DynamoDB's own form, so that nothing of it changes on the way.
    """

    key: Key
    item: Mapping[str, Any]


@dataclass(frozen=True)
class Remove:
    """The item goes, and nobody is told: for copies, where the original is gone, and for notes.

    Refused when there is no item with the attribute values of `require`, if it has any.
    """

    key: Key
    require: Mapping[str, Any] = field(default_factory=dict)


Write = Create | Change | Count | Check | Assign | Fence | Store | Remove


def moves_of(counter: str) -> str:
    """The attribute that counts how often a counter moved."""
    return f"{counter}_moves"
