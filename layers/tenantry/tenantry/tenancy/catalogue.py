"""Every permission there is, as the contexts declare them in their `model.py`.

Read when it is asked for, which is rare: who only checks a permission imports its own context's.
"""

import importlib
import importlib.util
import pkgutil
from functools import cache

import tenantry
from tenantry.tenancy.roles import Permission


@cache
def permissions() -> dict[str, Permission]:
    """Every permission, by its name and in that order; ValueError for a name declared twice."""
    found: dict[str, Permission] = {}
    for context in pkgutil.iter_modules(tenantry.__path__, "tenantry."):
        if not context.ispkg or importlib.util.find_spec(f"{context.name}.model") is None:
            continue
        for value in vars(importlib.import_module(f"{context.name}.model")).values():
            if not isinstance(value, Permission):
                continue
            if found.setdefault(value.name, value) != value:
                raise ValueError(f"{value.name} is declared twice")
    return dict(sorted(found.items()))
