"""Room in the limit of storage, for objects that are on their way in or out.

No transaction reaches a bucket, so for a while the counter says more than what lies there. While it
may, a row says so, and by how much. Before a form is signed there is `held`, before an object is
deleted `going`; `settled` is when it is known what came of it, or after it is gone:

    table.transact(held(standing, room))     # refused: `refusal(standing, Kind.STORAGE, ...)`
    storage.presign_post(...)                # for no longer than `room.until`
    ...
    table.transact(settled(room, size))      # refused: somebody has settled it before

So the counter never says less than what lies there, and the measurement of every day
(`usage/storage.py`) knows how much more it may say. It settles what is left after `until`, too.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from tenantry.organizations.counters import ATTRIBUTES, Kind, taken
from tenantry.persistence.keys import Key, key, organization_key, organization_pk, part
from tenantry.persistence.writes import Count, Create, Remove, Step
from tenantry.tenancy.access import Standing

ROOMS: Final = "ROOM#"
PASSED: Final = "passed_storage"
"""The organisation's attribute that counts all bytes that ever had room: it only grows."""
_TYPE: Final = "Room"


class Room(BaseModel):
    """For an object of up to so many bytes; one of a name that no other object ever has.

    Nothing comes or goes by it after `until`: a form has ended by then, and what it was sending.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    tenant_id: str
    room_id: str
    bytes: int = Field(gt=0)
    until: datetime


def held(standing: Standing, room: Room) -> tuple[Count, Create]:
    """For an object that is to come; refused where it would pass the limit."""
    count = taken(standing, Kind.STORAGE, room.bytes)
    return replace(count, also=(_passes(room),)), _row(room)


def going(room: Room) -> tuple[Count, Create]:
    """For an object of this size that is to be deleted: it counts until that is settled."""
    step = _passes(room)
    return Count(organization_key(room.tenant_id), step.attribute, step.by), _row(room)


def settled(room: Room, stays: int = 0) -> tuple[Count, Remove]:
    """What came of it, once: an object of so many bytes that stays, or none."""
    if not 0 <= stays <= room.bytes:
        raise ValueError(f"{stays} bytes have no room in {room.bytes}")
    used = Count(organization_key(room.tenant_id), ATTRIBUTES[Kind.STORAGE], stays - room.bytes)
    return used, Remove(room_key(room), require={"entity_type": _TYPE})


def room_key(room: Room) -> Key:
    return key(organization_pk(room.tenant_id), f"{ROOMS}{part(room.room_id)}")


def _passes(room: Room) -> Step:
    return Step(PASSED, room.bytes)


def _row(room: Room) -> Create:
    item: dict[str, Any] = {
        "entity_type": _TYPE,
        "entity_id": room.room_id,
        **room.model_dump(mode="json"),
    }
    return Create(room_key(room), item)
