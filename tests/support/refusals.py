"""What somebody is told who is refused, whichever door refuses."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from localcloud.client import GraphqlError


@dataclass(frozen=True)
class Refusal:
    """A code, words for people, and the faults that GraphQL's `errorInfo` lists."""

    code: str
    message: str
    faults: tuple[str, ...] = field(default=(), compare=False)
    """The names of the fields at fault."""


def refusal(call: Callable[[], Any]) -> Refusal:
    """How `call` is refused by Cognito or GraphQL; AssertionError when it is not."""
    try:
        answer = call()
    except ClientError as error:
        told = error.response["Error"]
        return Refusal(told["Code"], told["Message"])
    except GraphqlError as error:
        faults = (error.info or {}).get("faults") or []
        return Refusal(str(error.code), str(error), tuple(fault["field"] for fault in faults))
    raise AssertionError(f"was not refused: {answer}")
