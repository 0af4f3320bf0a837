"""The doors of the product, and who may use each: collected from `doors/`, a module a context.

Such a module holds `FIELDS` (each field of GraphQL by its name) or `ROUTES` (who may, by method and
path of REST), or both. All is typed by hand; a field or route without a row fails the build.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from tests.e2e import doors

ROLES = ("OWNER", "ADMIN", "MANAGER", "MEMBER", "VIEWER")

ANYBODY = "whoever is signed in"
OPERATORS = "operators of the platform"
ANONYMOUS = "anonymous"
OWNERS_AND_OPERATORS = "owners of the organisation, and operators of the platform"


@dataclass(frozen=True)
class Field:
    """A field: how it is called, who may, and whether it changes something.

    In `query`, ORGANIZATION is the organisation acted on, MISSING an id that nothing has, and
    `$name` a name.
    """

    query: str
    allowed: str
    """ANYBODY, OPERATORS, or the lowest role that may."""
    writes: bool = False


def fields() -> dict[str, Field]:
    """Every field of every context."""
    return _rows("FIELDS")


def routes() -> dict[tuple[str, str], str]:
    """Every route of every context: who may, by method and path."""
    return _rows("ROUTES")


def _rows(table: str) -> dict[Any, Any]:
    rows: dict[Any, Any] = {}
    for context in _contexts():
        found: dict[Any, Any] = getattr(context, table, {})
        twice = rows.keys() & found.keys()
        if twice:
            raise ValueError(f"{context.__name__} says again who may: {sorted(twice)}")
        rows |= found
    return rows


def _contexts() -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(doors.__path__, f"{doors.__name__}."):
        yield importlib.import_module(module.name)
