"""Many keys, each used four times at once (row 14): the driver of it, for any command.

A quarter of the keys is used with the same content, a quarter with four contents; of the others the
first try had stopped, before its write or after it.
"""

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from threading import Barrier
from typing import Any

from tenantry.errors import TenantryError
from tests.support.faults import WRITES, Stopped, injected, stop_after, stop_before

KEYS = int(os.environ.get("KEYS", "200"))
"""The page asks for 1,000 (`KEYS=1000`): a minute a command, too long for each run of all."""
AT_ONCE = 4


class Kind(StrEnum):
    SAME = "the same content"
    OTHER = "four contents"
    BEFORE = "its first try stopped before its write"
    AFTER = "its first try stopped after its write"


@dataclass(frozen=True)
class Used:
    """What a key came to: the code of each use, and what each was answered, None when refused."""

    key: int
    kind: Kind
    codes: Counter[str]
    answers: tuple[Any, ...]


def used_at_once(command: Callable[[int, int], Any], keys: int = KEYS) -> list[Used]:
    """Use each key; `command(key, content)` answers, or raises a TenantryError.

    Each thread goes through the same keys in the same order, so that they meet.
    """
    kinds = tuple(Kind)
    for key in range(keys):
        kind = kinds[key % len(kinds)]
        if stop := {Kind.BEFORE: stop_before, Kind.AFTER: stop_after}.get(kind):
            with suppress(Stopped), injected(stop(1, WRITES)):
                command(key, 0)
                raise AssertionError("it made no write at which it could stop")
    barrier = Barrier(AT_ONCE)

    def use(number: int) -> list[tuple[str, Any]]:
        barrier.wait()
        return [
            _outcome(command, key, number if kinds[key % len(kinds)] is Kind.OTHER else 0)
            for key in range(keys)
        ]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(zip(*pool.map(use, range(AT_ONCE)), strict=True))
    return [
        Used(key, kinds[key % len(kinds)], Counter(c for c, _ in uses), tuple(a for _, a in uses))
        for key, uses in enumerate(found)
    ]


def _outcome(command: Callable[[int, int], Any], key: int, content: int) -> tuple[str, Any]:
    try:
        return "OK", command(key, content)
    except TenantryError as error:
        return error.code, None
