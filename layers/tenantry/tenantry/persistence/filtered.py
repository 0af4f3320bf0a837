"""Pages of a list of which a filter drops some: bounded work, however few it takes."""

from collections.abc import Callable
from typing import Final

LOOKED_AT: Final = 1000
"""Entries that one page looks at, at most: one of few hits may be short, or empty, and go on."""
AT_ONCE: Final = 200


def page[T](
    read: Callable[[str | None, int], tuple[list[T], bool]],
    position_of: Callable[[T], str],
    takes: Callable[[T], bool],
    limit: int,
    after: str | None,
    *,
    at_once: int = AT_ONCE,
) -> tuple[list[T], str | None]:
    """Up to `limit` entries that are taken, and the position to go on after; None at the end.

    `read` answers so many entries after a position, and whether there are more; `at_once` is how
    many it is asked for.
    """
    found: list[T] = []
    position, looked, goes_on = after, 0, True
    while goes_on and looked < LOOKED_AT and len(found) <= limit:
        batch, goes_on = read(position, at_once)
        looked += len(batch)
        found += [entry for entry in batch if takes(entry)]
        position = position_of(batch[-1]) if batch else position
    if len(found) > limit:
        found = found[:limit]
        return found, position_of(found[-1])
    return found, position if goes_on else None
