"""Where an organisation's data is, from the route that every request has read with its standing.

A route is a few texts on the organisation's item: `kind` public or private, `state` (see below),
and of one that has its own, `table`, `raw`, `processed` and `region`. None at all is the shared
table and buckets.

    creating   set up: neither read nor written, nothing is there yet
    active     read and written
    moving     read; a write would be lost behind the copy
    closing    read, until it is deleted
    deleting   neither
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tenantry.errors import OrganizationMovingError, UnknownRouteError
from tenantry.tenancy.sessions import DataScope, TenantSessions

ACTIVE: Final = "active"
PUBLIC: Final = "public"
_READ_ONLY: Final = {
    "moving": "The organisation's data is being moved; it can be read. Try again in a moment.",
    "closing": "The organisation's data is about to be deleted; it can be read.",
}
_CLOSED: Final = {
    "creating": "The organisation's own table is being set up. Try again in a moment.",
    "deleting": "The organisation's data is being deleted.",
}


class Routed(Protocol):
    """A standing, as far as routing goes."""

    @property
    def tenant_id(self) -> str: ...
    @property
    def route(self) -> dict[str, str]: ...
    @property
    def route_epoch(self) -> int: ...


@dataclass(frozen=True)
class Whereabouts:
    """A tenant's table and buckets; `epoch` is what its writes are conditional on."""

    tenant_id: str
    kind: str
    table: str
    raw: str
    processed: str
    region: str
    epoch: int

    @property
    def prefix(self) -> str:
        """What the keys of the tenant's objects begin with, in a bucket of its own too."""
        return f"{self.tenant_id}/"


@dataclass(frozen=True)
class TenantRouter:
    """`own` begins the name of every table and bucket that belongs to one tenant alone."""

    table: str
    raw: str
    processed: str
    region: str
    own: str
    arn: Callable[[str, str], str]
    """The ARN of a `table` or `bucket` of that name."""
    sessions: TenantSessions | None = None

    def find(self, standing: Routed, *, writes: bool) -> Whereabouts:
        """Where to read, or to write.

        OrganizationMovingError while that is not to be; UnknownRouteError for a route that leads
        nowhere here.
        """
        route = standing.route
        state = route.get("state", ACTIVE)
        if state in _CLOSED:
            raise OrganizationMovingError(_CLOSED[state])
        if state in _READ_ONLY and writes:
            raise OrganizationMovingError(_READ_ONLY[state])
        if state not in {ACTIVE, *_READ_ONLY}:
            raise self._unknown()
        match route.get("kind", PUBLIC):
            case "public":
                names = (self.table, self.raw, self.processed)
            case "private":
                names = self._own(route)
            case _:
                raise self._unknown()
        return Whereabouts(
            standing.tenant_id,
            route.get("kind", PUBLIC),
            *names,
            region=self.region,
            epoch=standing.route_epoch,
        )

    def session(self, place: Whereabouts, *, writes: bool) -> Any:
        """Clients that reach this tenant's data in this place, and nothing else."""
        if self.sessions is None:
            raise LookupError("this function reaches no tenants' data")
        return self.sessions.client(place.tenant_id, self.scope(place, writes=writes))

    def scope(self, place: Whereabouts, *, writes: bool) -> DataScope:
        return DataScope(
            table_arns=(self.arn("table", place.table),),
            writes=writes,
            bucket_arns=(self.arn("bucket", place.raw), self.arn("bucket", place.processed)),
            writes_objects=writes,
            keeps_objects=writes,
            lists_objects=True,
        )

    def _own(self, route: Mapping[str, str]) -> tuple[str, str, str]:
        """A name that is not of a tenant's own place is not followed, whoever wrote it there."""
        table, raw, processed = (route.get(name, "") for name in ("table", "raw", "processed"))
        if route.get("region") != self.region:
            raise self._unknown()
        if not all(name.startswith(self.own) for name in (table, raw, processed)):
            raise self._unknown()
        return table, raw, processed

    @staticmethod
    def _unknown() -> UnknownRouteError:
        return UnknownRouteError("The organisation's data is not within reach here.")
