"""Every counter that is proven, as the contexts register them.

A context registers those whose rows are its own by a module `bootstrap/counting.py` with a function
`row_counters`, of counters on the organisation's item, or `own_counters`, of those beside their
rows. It is looked for by name, so a context that joins edits nothing here.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import tenantry
from tenantry.usage.repository import OwnCounter, RowCounter


class _Counter(Protocol):
    @property
    def counter(self) -> str: ...


def row_counters() -> tuple[RowCounter, ...]:
    """The counters of all contexts, by their names; ValueError for one that is registered twice."""
    return _named(_registered("row_counters"))


def own_counters() -> tuple[OwnCounter, ...]:
    """Those that contexts prove themselves, likewise."""
    return _named(_registered("own_counters"))


def _registered(function: str) -> Iterator[Any]:
    for place in tenantry.__path__:
        for context in pkgutil.iter_modules([place]):
            wiring = Path(place, context.name, "bootstrap", "counting.py")
            if not wiring.is_file():
                continue
            module = importlib.import_module(f"tenantry.{context.name}.bootstrap.counting")
            yield from getattr(module, function, tuple)()


def _named[T: _Counter](counters: Iterable[T]) -> tuple[T, ...]:
    found: dict[str, T] = {}
    for each in counters:
        if found.setdefault(each.counter, each) is not each:
            raise ValueError(f"{each.counter} is registered twice")
    return tuple(found[counter] for counter in sorted(found))
