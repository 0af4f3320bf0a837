"""Where an organisation's data is, from the route that every request has read with its standing.

A route is a few texts on the organisation's item: `kind` public, private or dedicated, `state` (see
below), and of one that has its own, `table`, `raw`, `processed` and `region`. A public one may have
buckets of its own: it names them, and no table. A dedicated one names its AWS account too, the
`role` to enter it by, and the parameter here that holds its external id (`secret`). None at all is
the shared table and buckets.

    creating   set up: neither read nor written, nothing is there yet
    active     read and written
    moving     read; a write would be lost behind the copy
    closing    read, until it is deleted
    deleting   neither
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tenantry.errors import OrganizationMovingError, UnknownRouteError
from tenantry.tenancy.sessions import Abroad, DataScope, TenantSessions

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
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>\d{12}):role/(?P<name>[\w+=,.@-]+)")


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
    abroad: Abroad | None = None
    """The way into the tenant's own AWS account, of one that has one."""

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
    deployment: str = ""
    """The deployment's prefix, which begins the names in tenants' own AWS accounts."""

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
            case "public" if route.keys().isdisjoint(("raw", "processed")):
                names = (self.table, self.raw, self.processed)
            case "public":
                names = (self.table, *self._own_buckets(route, self.own))
            case "private":
                names = self._own(route, self.own)
            case "dedicated":
                names = self._own(route, f"{self.deployment}-")
            case _:
                raise self._unknown()
        return Whereabouts(
            standing.tenant_id,
            route.get("kind", PUBLIC),
            *names,
            region=self.region,
            epoch=standing.route_epoch,
            abroad=self._abroad(route) if route.get("kind") == "dedicated" else None,
        )

    def session(self, place: Whereabouts, *, writes: bool) -> Any:
        """Clients that reach this tenant's data in this place, and nothing else."""
        if self.sessions is None:
            raise LookupError("this function reaches no tenants' data")
        scope = self.scope(place, writes=writes)
        return self.sessions.client(place.tenant_id, scope, place.abroad)

    def lister(self, place: Whereabouts) -> Any:
        """Clients that list this tenant's objects with all their versions, and read none."""
        if self.sessions is None:
            raise LookupError("this function reaches no tenants' data")
        buckets = (self.arn("bucket", place.raw), self.arn("bucket", place.processed))
        scope = DataScope((), bucket_arns=buckets, reads_objects=False, lists_versions=True)
        return self.sessions.client(place.tenant_id, scope, place.abroad)

    def scope(self, place: Whereabouts, *, writes: bool) -> DataScope:
        table = self.arn("table", place.table)
        if place.abroad:
            table = table_arn(place.abroad, place.region, place.table)
        return DataScope(
            table_arns=(table,),
            writes=writes,
            bucket_arns=(self.arn("bucket", place.raw), self.arn("bucket", place.processed)),
            writes_objects=writes,
            keeps_objects=writes,
            lists_objects=True,
        )

    def _own(self, route: Mapping[str, str], own: str) -> tuple[str, str, str]:
        return self._named(route, "table", own), *self._own_buckets(route, own)

    def _own_buckets(self, route: Mapping[str, str], own: str) -> tuple[str, str]:
        return self._named(route, "raw", own), self._named(route, "processed", own)

    def _named(self, route: Mapping[str, str], part: str, own: str) -> str:
        """A name that is not of a tenant's own place is not followed, whoever wrote it there."""
        name = route.get(part, "")
        if route.get("region") != self.region or not name.startswith(own):
            raise self._unknown()
        return name

    def _abroad(self, route: Mapping[str, str]) -> Abroad:
        """Only the deployment's role in the account that the route names, and only a secret of an
        account's tree, are followed."""
        role, account = _ROLE.fullmatch(route.get("role", "")), route.get("aws_account")
        secret, folder = route.get("secret", ""), f"/{self.deployment}/accounts/"
        if not role or not self.deployment or role["account"] != account:
            raise self._unknown()
        if role["name"] != platform_role(self.deployment) or not secret.startswith(folder):
            raise self._unknown()
        return Abroad(role[0], secret)

    @staticmethod
    def _unknown() -> UnknownRouteError:
        return UnknownRouteError("The organisation's data is not within reach here.")


def platform_role(deployment: str) -> str:
    """What the role is called by which a deployment enters tenants' own AWS accounts."""
    return f"{deployment}-platform"


def table_arn(abroad: Abroad, region: str, table: str) -> str:
    """The ARN of a table in the account that the way leads into."""
    _, partition, _, _, account, _ = abroad.role_arn.split(":")
    return f"arn:{partition}:dynamodb:{region}:{account}:table/{table}"
