"""A tenant's copies in memory: one tenant's things in places, by the places' tables."""

from dataclasses import dataclass, field
from datetime import datetime

from tenantry.accounts.model import Sums
from tenantry.accounts.repository import Copied, Place
from tenantry.errors import OrganizationMovingError


@dataclass
class FakeCopies:
    """Each thing is a page of its own."""

    places: dict[str, dict[str, str]] = field(default_factory=dict)
    fences: dict[str, int] = field(default_factory=dict)

    def things(self, table: str) -> dict[str, str]:
        return self.places.setdefault(table, {})

    def fence(self, place: Place, epoch: int) -> None:
        self.fences[place.table] = max(epoch, self.fences.get(place.table, 0))

    def write(self, table: str, epoch: int, name: str, value: str) -> None:
        """As a context writes."""
        if self.fences.get(table, 0) > epoch:
            raise OrganizationMovingError("It has moved.")
        self.things(table)[name] = value

    def copy(self, source: Place, target: Place, epoch: int, position: str | None) -> Copied:
        if self.fences.get(target.table, 0) > epoch:
            raise OrganizationMovingError("It has moved.")
        old, new = self.things(source.table), self.things(target.table)
        left = sorted(name for name in old if position is None or name > position)
        if not left:
            extra = [name for name in new if name not in old]
            for name in extra:
                del new[name]
            return Copied(None, len(extra))
        differs = new.get(left[0]) != old[left[0]]
        new[left[0]] = old[left[0]]
        return Copied(left[0], int(differs))

    def clear(self, place: Place, epoch: int, position: str | None) -> str | None:
        if self.fences.get(place.table, 0) > epoch:
            raise OrganizationMovingError("It has moved.")
        things = self.things(place.table)
        if not things:
            return None
        things.popitem()
        return "more"

    def sums(self, place: Place, found: Sums, lasting: datetime) -> Sums:
        things = sorted(self.things(place.table).items())
        if found.items < len(things):
            return found.model_copy(
                update={
                    "items": found.items + 1,
                    "checksum": found.checksum + repr(things[found.items]),
                }
            )
        return found.model_copy(update={"is_whole": True})
