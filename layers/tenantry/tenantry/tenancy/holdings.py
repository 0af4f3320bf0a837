"""What contexts keep of an organisation, and what becomes of it when its account ends.

Each context says so in a module `holdings` of its own, which is all that a context that joins adds:
the teardown takes what is declared and leaves what is declared as kept. What nobody declared is
never deleted, since nobody has exported it either: the inventory names it, and the teardown stands
until somebody says whose it is.

What lies in tenants' tables tells of its changes from wherever it lies. An organisation's own AWS
account is believed of what is declared to tell so, and of nothing else.
"""

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import tenantry
from tenantry.messaging.event import EventData
from tenantry.persistence.keys import SEPARATOR, Key, organization_pk


class Store(StrEnum):
    """A kind of table: the administration, tenants' data wherever it lies, and the audit's."""

    PLATFORM = "platform"
    TENANT = "tenant"
    AUDIT = "audit"


@dataclass(frozen=True)
class Tells:
    """A type of entity, and the events that are stamped on its items."""

    entity_type: str
    events: tuple[type[EventData], ...]


@dataclass(frozen=True)
class Holding:
    """Items of one organisation: of its own partition, or of one below it.

    `sort` is a whole sort key, or the beginning of several where it ends with the separator; empty
    is all of the partition. A partition named with `*` at its end is a family, told apart by what
    follows, such as months.
    """

    store: Store
    what: str
    """In plural, for people."""
    sort: str = ""
    below: tuple[str, ...] = ()
    kept: str = ""
    """Why it stays, and until when. Empty is what goes with the account."""
    beside: Callable[[Mapping[str, Any]], Key | None] | None = None
    """An item elsewhere that goes with one of these, where it is this organisation's."""
    tells: tuple[Tells, ...] = ()
    """What its items tell of themselves; heard of other AWS accounts when in tenants' tables."""

    @property
    def goes(self) -> bool:
        return not self.kept

    def partition(self, tenant_id: str) -> str:
        return organization_pk(tenant_id, *self.below)

    def covers(self, tenant_id: str, pk: str, sk: str) -> bool:
        """Whether an item with these keys is one of them."""
        return self._is_in(tenant_id, pk) and (
            not self.sort
            or sk == self.sort
            or (self.sort.endswith(SEPARATOR) and sk.startswith(self.sort))
        )

    def _is_in(self, tenant_id: str, pk: str) -> bool:
        if self.below[-1:] != ("*",):
            return pk == self.partition(tenant_id)
        family = organization_pk(tenant_id, *self.below[:-1]) + SEPARATOR
        return pk.startswith(family)


@cache
def holdings() -> tuple[Holding, ...]:
    """What all contexts declare, by their names."""
    found: list[Holding] = []
    for context in pkgutil.iter_modules(tenantry.__path__, "tenantry."):
        if context.ispkg and importlib.util.find_spec(f"{context.name}.holdings") is not None:
            if context.name == __package__:
                continue
            found += importlib.import_module(f"{context.name}.holdings").HOLDINGS
    return tuple(found)


@cache
def told_of_tenants_tables() -> frozenset[tuple[str, str, str]]:
    """Type of entity, context and type of event of all that items in tenants' tables tell."""
    return frozenset(
        (each.entity_type, event.context, event.type)
        for holding in holdings()
        if holding.store is Store.TENANT
        for each in holding.tells
        for event in each.events
    )


def partitions(store: Store, tenant_id: str) -> tuple[str, ...]:
    """The partitions of a kind of table that hold anything of an organisation, each once."""
    of_store = (each for each in holdings() if each.store is store and each.below[-1:] != ("*",))
    return tuple(dict.fromkeys(each.partition(tenant_id) for each in of_store))


def holding_of(store: Store, tenant_id: str, pk: str, sk: str) -> Holding | None:
    """The narrowest declaration that covers an item; None for what nobody declared."""
    covering = [h for h in holdings() if h.store is store and h.covers(tenant_id, pk, sk)]
    return max(covering, key=lambda each: len(each.sort), default=None)
