"""Adapter: what operators sent back, in the platform table.

REDRIVE#<id>    RUN
"""

from datetime import timedelta

from tenantry.deadletters.model import Moved
from tenantry.messaging.event import Event
from tenantry.persistence.keys import key, part
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Create

KEPT = timedelta(days=90)
"""The audit log keeps the event; this is only where it is stamped."""


class DynamoDBRedrives:
    def __init__(self, table: Table) -> None:
        self._table = table

    def keep(self, redrive_id: str, moved: Moved, event: Event) -> None:
        item = {
            "entity_type": "Redrive",
            "entity_id": redrive_id,
            "name": moved.place,
            "moved": moved.moved,
            "stayed": moved.stayed,
            "created_at": event.occurred_at.isoformat(),
            "purge_at": int((event.occurred_at + KEPT).timestamp()),
        }
        where = key(f"REDRIVE#{part(redrive_id)}", "RUN")
        self._table.write(Create(where, item, (event,)))
