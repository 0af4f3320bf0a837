"""Places where what was given up waits, and what a redrive made of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from pydantic import ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from tenantry.runtime.inputs import Input

MOST: Final = 200
"""Messages that one call moves at most: it must answer while the API still waits."""
USUAL: Final = 50


class Kind(StrEnum):
    """Dead letters of a queue or a rule; records that could not be published; whole batches."""

    DEAD_LETTERS = "DEAD_LETTERS"
    RECORDS = "RECORDS"
    BATCHES = "BATCHES"


@dataclass(frozen=True)
class Place:
    """A queue or a bucket by its name, and how much waits there, as of a moment ago."""

    name: str
    kind: Kind
    waiting: int


@dataclass(frozen=True)
class Moved:
    """What became of what waited: how much was handed on, how much stayed, and why it was there."""

    place: str
    waiting: int
    moved: int
    stayed: int
    causes: tuple[str, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The causes without what follows a colon, which may quote a tenant's data."""
        return tuple(dict.fromkeys(cause.partition(":")[0][:80] for cause in self.causes))


class RedriveInput(Input):
    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    most: Annotated[int, Field(ge=1, le=MOST)] = USUAL
