"""Opaque cursors: where a list goes on. They hold a position, never whose list it is."""

import base64
import json
from typing import Any

from tenantry.errors import InvalidInputError

_LONGEST = 8192
"""Room for the keys of a table and an index, which DynamoDB bounds at 3 KB each."""
MAX_PAGE = 100
DEFAULT_PAGE = 25


def encode(position: dict[str, Any]) -> str:
    """`position` as a string that is safe in a URL."""
    text = json.dumps(position, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, *names: str) -> dict[str, str]:
    """The strings `names` of the position that `encode` was given.

    InvalidInputError for anything else: a cursor comes from outside and may be anything.
    """
    position = _parsed(cursor)
    if not isinstance(position, dict) or set(position) != set(names):
        raise _refused()
    if not all(isinstance(value, str) and _is_text(value) for value in position.values()):
        raise _refused()
    if encode(position) != cursor:
        raise _refused()
    return position


def _parsed(cursor: str) -> Any:
    if len(cursor) > _LONGEST:
        raise _refused()
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError) as error:
        raise _refused() from error


def _is_text(value: str) -> bool:
    """Whether it can be stored at all: JSON can spell half of a character."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refused() -> InvalidInputError:
    return InvalidInputError([{"field": "after", "message": "is not a cursor of this list"}])


def page_size(first: int | None) -> int:
    """`first`, by default 25; InvalidInputError outside 1..100."""
    if first is None:
        return DEFAULT_PAGE
    if not 1 <= first <= MAX_PAGE:
        fault = f"must be between 1 and {MAX_PAGE}"
        raise InvalidInputError([{"field": "first", "message": fault}])
    return first
