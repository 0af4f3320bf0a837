"""Adapter: the date at which an organisation's own key of its seals is destroyed.

ORG#<id>#SEALS  RETIRED   since when no key is made or used any more; it stays
ORG#<id>#SEALS  DATA_KEY  goes by `purge_at`; from its date on nobody uses it, there or not
"""

from datetime import datetime

from tenantry.persistence.keys import Key, key, organization_pk
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Assign


class DynamoDBSealKeyRetirement:
    def __init__(self, table: Table) -> None:
        self._table = table

    def retire(self, tenant_id: str, at: datetime) -> datetime | None:
        """Have the key destroyed at a time; the first time that is said stands.

        Without a key none is ever made; then there is nothing to destroy, and the answer is None.
        """
        where = retired_key(tenant_id)
        if not self._table.add({**where, "entity_type": "SealKeyRetirement", "at": at.isoformat()}):
            stored = self._table.get(where) or {}
            at = datetime.fromisoformat(stored["at"])
        try:
            self._table.transact(
                [Assign(data_key(tenant_id), {"purge_at": int(at.timestamp())}, _THERE)]
            )
        except ConditionFailedError:
            return None
        return at


_THERE = {"destroyed": None}


def data_key(tenant_id: str) -> Key:
    return key(organization_pk(tenant_id, "SEALS"), "DATA_KEY")


def retired_key(tenant_id: str) -> Key:
    return key(organization_pk(tenant_id, "SEALS"), "RETIRED")
