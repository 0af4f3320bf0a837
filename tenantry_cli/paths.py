"""Paths of REST routes, made of ids that were typed."""

import re
from typing import Final
from urllib.parse import quote

from tenantry_cli.errors import UsageError

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")


def at(account: str, *below: str) -> str:
    """The path of an account, or of what is below it; UsageError for what is no id.

    What else stood in a path would lead to another route than the one that the command is for.
    """
    for each in (account, *below):
        if not _IDENTIFIER.fullmatch(each):
            raise UsageError(f"{each!r} is no id.")
    return "/".join(("/accounts", *(quote(each, safe="") for each in (account, *below))))
