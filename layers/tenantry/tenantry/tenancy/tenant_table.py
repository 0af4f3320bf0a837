"""A tenant's table as contexts write it: behind a fence that keeps out who came too early.

ORG#<id>   FENCE    epoch: writers that know an older route of the organisation are refused

A writer has read the route with its standing, and with it the epoch. Every write is a transaction
that checks the fence, so that a route which moved on meanwhile refuses it: otherwise the write
would be acknowledged behind the copy, and lost. The fence only rises. Whoever knows a newer route
than the fence passes, since that route led here; so nobody needs to lower it when a move is given
up: the route's next epoch passes it. In what state a route is, its epoch says too: it moves with
each state that keeps writers out.

An organisation that was never moved has no fence in the shared table. A table of one's own always
has one: what has none was not prepared for this tenant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tenantry.errors import OrganizationMovingError
from tenantry.persistence.items import Item
from tenantry.persistence.keys import SEPARATOR, Key, key, organization_pk
from tenantry.persistence.table import ConditionFailedError, Page, Table
from tenantry.persistence.writes import Change, Copy, Create, Fence, Write
from tenantry.tenancy.router import PUBLIC, Whereabouts

EPOCH: Final = "epoch"
RETRY_AFTER: Final = 5
"""Seconds; by then a request reads the organisation's newer route."""


class ForeignKeyError(Exception):
    """A key of another tenant, or of none: a fault of the program, which IAM would refuse too."""


@dataclass(frozen=True)
class TenantTable:
    """One tenant's items in one place; `table` works under that tenant's session."""

    table: Table
    place: Whereabouts

    # reading

    def get(self, where: Key) -> Item | None:
        return self.table.get(self._own(where))

    def get_all(self, keys: Sequence[Key]) -> list[Item | None]:
        return self.table.get_all([self._own(where) for where in keys])

    def query(
        self,
        pk: str,
        *,
        index: str | None = None,
        prefix: str | None = None,
        between: tuple[str, str] | None = None,
        limit: int,
        start: Key | None = None,
        newest_first: bool = False,
    ) -> Page:
        """As Table's; of an index, `pk` is a key of the tenant's too."""
        self._own(key(pk, ""))
        return self.table.query(
            pk,
            index=index,
            prefix=prefix,
            between=between,
            limit=limit,
            start=start,
            newest_first=newest_first,
        )

    # writing

    def write(self, write: Create | Change) -> None:
        """As Table's, behind the fence."""
        self.transact([write])

    def transact(self, writes: Sequence[Write], token: str | None = None) -> None:
        """All writes or none, 99 at most: OrganizationMovingError when the route has moved on.

        ConditionFailedError names positions among `writes`.
        """
        for write in writes:
            if self._own(write.key) == fence_key(self.place.tenant_id):
                raise ForeignKeyError("The fence is moved by raising it.")
        try:
            self.table.transact([self._fence(), *writes], token)
        except ConditionFailedError as failure:
            if 0 in failure.failures:
                raise OrganizationMovingError(
                    "The organisation's data has moved. Try again in a moment.", RETRY_AFTER
                ) from failure
            raise ConditionFailedError(
                [position - 1 for position in failure.failures],
                {position - 1: item for position, item in failure.items.items()},
            ) from failure

    def raise_fence(self, epoch: int) -> None:
        """Keep out, from now on, whoever knows an older route than `epoch`; it never sinks."""
        where = fence_key(self.place.tenant_id)
        first = {"entity_type": "TenantFence", "tenant_id": self.place.tenant_id, EPOCH: epoch}
        if not self.table.add({**where, **first}):
            self.table.copy(Copy(where, {}, EPOCH, epoch))

    # inside

    def _fence(self) -> Fence:
        own = self.place.kind != PUBLIC
        return Fence(fence_key(self.place.tenant_id), EPOCH, self.place.epoch, must_exist=own)

    def _own(self, where: Key) -> Key:
        if not is_of(self.place.tenant_id, where["PK"]):
            raise ForeignKeyError("The key is not of this tenant.")
        return where


def fence_key(tenant_id: str) -> Key:
    return key(organization_pk(tenant_id), "FENCE")


def is_of(tenant_id: str, pk: str) -> bool:
    """Whether a partition is the tenant's: its own, or one below it."""
    own = organization_pk(tenant_id)
    return pk == own or pk.startswith(f"{own}{SEPARATOR}")
