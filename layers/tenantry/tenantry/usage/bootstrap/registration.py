"""Every counter that is proven, as the contexts register them.

A context registers those whose rows are its own by a module `bootstrap/counting.py` with a function
`row_counters`. It is looked for by name, so a context that joins edits nothing here.
"""

import importlib
import pkgutil
from pathlib import Path

import tenantry
from tenantry.usage.repository import RowCounter


def row_counters() -> tuple[RowCounter, ...]:
    """The counters of all contexts, by their names; ValueError for one that is registered twice."""
    found: dict[str, RowCounter] = {}
    for place in tenantry.__path__:
        for context in pkgutil.iter_modules([place]):
            wiring = Path(place, context.name, "bootstrap", "counting.py")
            if not wiring.is_file():
                continue
            module = importlib.import_module(f"tenantry.{context.name}.bootstrap.counting")
            for rows in module.row_counters():
                if found.setdefault(rows.counter, rows) is not rows:
                    raise ValueError(f"{rows.counter} is registered twice")
    return tuple(found[counter] for counter in sorted(found))
