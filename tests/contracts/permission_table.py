"""Who may do what, as it is meant: typed by hand, and taken from nowhere else.

A module a context in `permissions/` holds its rows as `TABLE`. Y: the role may, in the order of
ROLES. The second column says whether it changes something.
"""

import importlib
import pkgutil

from tests.contracts import permissions

ROLES = ("OWNER", "ADMIN", "MANAGER", "MEMBER", "VIEWER")

TABLE = "\n".join(
    importlib.import_module(module.name).TABLE.strip()
    for module in pkgutil.iter_modules(permissions.__path__, f"{permissions.__name__}.")
)

_ROWS = [line.split() for line in TABLE.splitlines()]

EXPECTED = {
    (name, role): (allowed == "Y", effect == "changes")
    for name, effect, *row in _ROWS
    for role, allowed in zip(ROLES, row, strict=True)
}

if len(EXPECTED) != len(_ROWS) * len(ROLES):
    raise ValueError("a permission has two rows")
