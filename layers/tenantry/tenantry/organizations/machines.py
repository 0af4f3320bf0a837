"""Programs that act for an organisation, each by a client of the user pool's of its own.

Which organisation a client acts for is what is kept here, and never what a token says: it is read
with every request, so one that has ended is refused by the next, whatever its token still says.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, Self

from pydantic import BaseModel, ConfigDict

from tenantry.errors import NotAMemberError
from tenantry.messaging.event import Event
from tenantry.organizations.model import Organization
from tenantry.persistence.keys import machine_key, organization_pk, part
from tenantry.persistence.writes import Change, Create, Write
from tenantry.tenancy.access import MemberStatus, Standing
from tenantry.tenancy.metering import Meter
from tenantry.tenancy.roles import Role

KEPT: Final = timedelta(days=90)
"""How long one that has ended can still be looked up."""


class Machine(BaseModel):
    """A program's client, which acts for one organisation and no other."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    tenant_id: str
    client_id: str
    account_id: str
    name: str
    number: int
    """Counts the clients of an account: each is used up with its credentials."""
    created_at: datetime
    issued_at: datetime | None = None
    """When its credentials were handed out, which is once."""
    ends_at: datetime | None = None
    """From when on it is refused."""
    entity_version: int = 1

    def lasts(self, now: datetime) -> bool:
        """Whether it acts for its organisation."""
        return self.ends_at is None or now < self.ends_at

    def issued(self, now: datetime) -> Self:
        return self._next(issued_at=now)

    def ended(self, at: datetime) -> Self:
        """Refused from then on; one that ends earlier stays with that."""
        return self._next(ends_at=min(at, self.ends_at) if self.ends_at else at)

    def standing_in(self, organization: Organization, scopes: frozenset[str]) -> Standing:
        """No role says what it may, so it has the least."""
        return organization.standing(
            self.client_id, Role.VIEWER, MemberStatus.ACTIVE, machine=scopes
        )

    def _next(self, **fields: Any) -> Self:
        return self.model_copy(update={**fields, "entity_version": self.entity_version + 1})


@dataclass(frozen=True)
class Appearing:
    """What one read finds of a program and an organisation; each may be missing."""

    organization: Organization | None
    machine: Machine | None

    def found(self, scopes: frozenset[str], now: datetime, meter: Meter) -> Standing:
        """Where the program stands; NotAMemberError when it does not act for the organisation.

        Its calls are counted as the organisation's.
        """
        if self.organization is None or self.machine is None or not self.machine.lasts(now):
            raise NotAMemberError("These credentials do not act for this organisation.")
        standing = self.machine.standing_in(self.organization, scopes)
        used_up = meter.counted(self.organization.stored_calls)
        return replace(standing, calls_used_up=used_up) if used_up else standing


class MachineRepository(Protocol):
    def appearing(self, tenant_id: str, client_id: str) -> Appearing:
        """Organisation and program, strongly consistent, in one round trip."""

    def organization_of(self, client_id: str) -> str | None:
        """Whose program it is, as of a moment ago; whether it still is has to be read."""

    def of(self, tenant_id: str) -> list[Machine]:
        """An organisation's, ended ones too, strongly consistent."""

    def save(self, *writes: Write) -> None:
        """All or none; ConflictError when something has changed since."""


class MachineWrites:
    """Programs as writes, for whoever provides them and composes these with what it owns."""

    def bound(self, machine: Machine, event: Event) -> Write:
        """It acts for its organisation; refused when the client is known already."""
        return Create(
            machine_key(machine.tenant_id, machine.client_id), machine_item(machine), (event,)
        )

    def changed(self, before: Machine, after: Machine, event: Event) -> Write:
        """Its next version; refused unless `before` still stands."""
        old, new = machine_item(before), machine_item(after)
        return Change(
            machine_key(before.tenant_id, before.client_id),
            before.entity_version,
            {name: value for name, value in new.items() if old.get(name) != value},
            (event,),
        )


def machine_item(machine: Machine) -> dict[str, Any]:
    """GSI1 leads from a client to its organisation."""
    item: dict[str, Any] = {
        "entity_type": "Machine",
        "entity_id": machine.client_id,
        **machine.model_dump(mode="json", exclude_none=True, exclude={"entity_version"}),
        "GSI1PK": client_pk(machine.client_id),
        "GSI1SK": organization_pk(machine.tenant_id),
    }
    if machine.ends_at:
        item["purge_at"] = int((machine.ends_at + KEPT).timestamp())
    return item


def client_pk(client_id: str) -> str:
    return f"CLIENT#{part(client_id)}"
