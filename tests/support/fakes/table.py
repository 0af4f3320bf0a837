"""A table in memory, for what needs many thousand calls: the same answers as `Table` on DynamoDB.

A contract holds it to that. It knows keys, conditions, indexes and pages; it has no network, so
nothing of it is ever lost or busy.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from tenantry.persistence.items import Item, from_wire, slot, stamped, to_wire, without_events
from tenantry.persistence.keys import Key
from tenantry.persistence.table import ConditionFailedError, Page, Table, _ids, _is_own
from tenantry.persistence.writes import (
    Assign,
    Change,
    Check,
    Copy,
    Count,
    Create,
    Fence,
    Remove,
    Step,
    Store,
    Write,
    moves_of,
)
from tests.support.tables import PROJECTED, Kind

type Place = tuple[str, str]


class InMemoryTable(Table):
    """`items` by partition and sort key; `written` lists the keys of every write that was done."""

    def __init__(self, kind: Kind = "platform", items: Mapping[Place, Item] | None = None) -> None:
        super().__init__(None, f"in-memory-{kind}")  # type: ignore[arg-type]  # calls nobody
        self.items: dict[Place, Item] = dict(items or {})
        self.written: list[Place] = []
        self._kind = kind
        self._lock = threading.RLock()

    # reading

    def get(self, key: Key) -> Item | None:
        found = self.items.get(_place(key))
        return dict(found) if found is not None else None

    def get_all(self, keys: Sequence[Key]) -> list[Item | None]:
        return [self.get(key) for key in keys]

    def query(
        self,
        pk: str,
        *,
        index: str | None = None,
        prefix: str | None = None,
        between: tuple[str, str] | None = None,
        limit: int,
        start: Key | None = None,
        newest_first: bool = False,
    ) -> Page:
        pk_name, sk_name = (f"{index}PK", f"{index}SK") if index else ("PK", "SK")

        def order(item: Mapping[str, Any]) -> tuple[bytes, ...]:
            # DynamoDB orders texts by their bytes.
            return tuple(item[name].encode() for name in (sk_name, "PK", "SK"))

        low, high = between or ("", "\U0010ffff")
        found = [
            item
            for item in list(self.items.values())
            if item.get(pk_name) == pk
            and item[sk_name].startswith(prefix or "")
            and low.encode() <= item[sk_name].encode() <= high.encode()
        ]
        found.sort(key=order, reverse=newest_first)
        if start:
            passed = order(start)
            found = [i for i in found if (order(i) < passed if newest_first else order(i) > passed)]
        page = found[:limit]
        last = page[-1] if page and len(found) >= limit else None
        names = {"PK", "SK", pk_name, sk_name}
        return Page(
            [self._shown(item, index) for item in page],
            {name: last[name] for name in names} if last else None,
        )

    # writing

    def put(self, item: Mapping[str, Any]) -> None:
        with self._lock:
            self._keep(dict(item))

    def add(self, item: Mapping[str, Any]) -> bool:
        with self._lock:
            if _place(item) in self.items:
                return False
            self._keep(dict(item))
            return True

    def delete(self, key: Key) -> None:
        with self._lock:
            self.items.pop(_place(key), None)

    def write(self, write: Create | Change) -> None:
        self._all([write])

    def transact(self, writes: Sequence[Write], token: str | None = None) -> None:
        self._all(writes)

    def copy(self, copy: Copy) -> bool:
        with self._lock:
            stored = self.items.get(_place(copy.key))
            if stored is None or stored.get(copy.version_attribute, 0) >= copy.version:
                return False
            if any(stored.get(name) == value for name, value in copy.unless.items()):
                return False
            self._keep({**stored, **copy.set, copy.version_attribute: copy.version})
            return True

    # inside

    def _all(self, writes: Sequence[Write]) -> None:
        ids = [_ids(write) for write in writes]
        with self._lock:
            stored = [self.items.get(_place(write.key), {}) for write in writes]
            failed = [n for n, w in enumerate(writes) if not _allowed(w, stored[n])]
            if any(_is_own(stored[n], ids[n]) for n in failed):
                return
            if failed:
                raise ConditionFailedError(failed, {n: dict(stored[n]) for n in failed})
            for write, old, own in zip(writes, stored, ids, strict=True):
                if isinstance(write, Remove):
                    self.items.pop(_place(write.key), None)
                elif not isinstance(write, Check | Fence):
                    self._keep(_after(write, old, own))

    def _keep(self, item: Item) -> None:
        kept = from_wire(to_wire(item))
        self.items[_place(kept)] = kept
        self.written.append(_place(kept))

    def _shown(self, item: Item, index: str | None) -> Item:
        """What an index carries of an item."""
        if index is None or self._kind == "audit":
            return dict(item)
        carried = {*PROJECTED, "PK", "SK", f"{index}PK", f"{index}SK"}
        return {name: value for name, value in item.items() if name in carried}


def _place(key: Mapping[str, Any]) -> Place:
    return key["PK"], key["SK"]


def _equal(stored: Item, values: Mapping[str, Any]) -> bool:
    return all(stored.get(name) == value for name, value in values.items())


def _allowed(write: Write, stored: Item) -> bool:
    match write:
        case Create():
            return not stored or (bool(write.replace_if) and _equal(stored, write.replace_if))
        case Change():
            require = {"entity_version": write.expected_version, **write.require}
            return bool(stored) and _equal(stored, require)
        case Count():
            within = all(_within(step, stored.get(step.attribute, 0)) for step in write.steps)
            there = bool(stored) or bool(write.makes)
            return within and there and _equal(stored, write.require)
        case Check() | Assign():
            one_of = write.one_of if isinstance(write, Check) else {}
            among = all(stored.get(name) in values for name, values in one_of.items())
            return among and bool(stored) and _equal(stored, write.require)
        case Remove():
            return not write.require or (bool(stored) and _equal(stored, write.require))
        case Fence() | Store():
            return isinstance(write, Store) or _is_open(write, stored)


def _is_open(write: Fence, stored: Item) -> bool:
    if not stored:
        return not write.must_exist
    return write.attribute in stored and int(stored[write.attribute]) <= write.at


def _within(step: Step, standing: int) -> bool:
    after = standing + step.by
    if step.by < 0:
        return after >= step.floor
    return step.limit is None or after <= step.limit


def _after(
    write: Create | Change | Count | Assign | Store, stored: Item, ids: Sequence[str]
) -> Item:
    match write:
        case Create():
            return {**stamped(write.attributes, 1, write.events, ids), **write.key}
        case Change():
            version = write.expected_version + 1
            told = [event.stored() for event in write.events]
            known = {**stored["event_ids"], slot(version): list(ids)}
            kept = {n: v for n, v in stored.items() if n not in write.remove}
            return {
                **kept,
                **write.set,
                "entity_version": version,
                "events": told,
                "event_ids": known,
            }
        case Count():
            moved = {s.attribute: stored.get(s.attribute, 0) + s.by for s in write.steps}
            moves = {m: stored.get(m, 0) + 1 for m in (moves_of(s.attribute) for s in write.steps)}
            return {**write.makes, **stored, **write.key, **moved, **moves}
        case Assign():
            return {**stored, **write.set}
        case Store():
            return {**from_wire(without_events(dict(write.item))), **write.key}
