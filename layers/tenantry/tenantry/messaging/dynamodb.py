"""Adapter: consumers' markers, `EVENT#<event_id>` / `CONSUMER#<name>`, on any table."""

from datetime import datetime, timedelta
from typing import cast

from botocore.exceptions import ClientError

from tenantry.errors import UnavailableError
from tenantry.messaging.once import KEPT
from tenantry.persistence.items import Item, from_wire, to_wire
from tenantry.persistence.keys import Key, key, part
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import new_id


class DynamoDBMarkers:
    def __init__(self, table: Table) -> None:
        self._table = table

    def begin(self, consumer: str, event_id: str, now: datetime, lease: timedelta) -> bool:
        """One conditional write; the marker in the way tells the rest."""
        at = int(now.timestamp() * 1000)
        worker = new_id()
        values = {":until": at + int(lease.total_seconds() * 1000), ":now": at}
        try:
            self._table.update(
                Key=to_wire(_key(consumer, event_id)),
                UpdateExpression="SET lease_until = :until, worker = :worker, purge_at = :purge",
                ConditionExpression="attribute_not_exists(done_at) AND "
                "(attribute_not_exists(PK) OR lease_until <= :now)",
                ExpressionAttributeValues=to_wire(
                    {**values, ":worker": worker, ":purge": int((now + KEPT).timestamp())}
                ),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            marker = from_wire(cast("Item", error.response.get("Item", {})))
            if "done_at" in marker:
                return False
            if marker.get("worker") == worker:
                return True  # this very write, whose answer was lost
            raise UnavailableError("another worker has this event") from error
        return True

    def done(self, consumer: str, event_id: str, now: datetime) -> None:
        self._table.update(
            Key=to_wire(_key(consumer, event_id)),
            UpdateExpression="SET done_at = :now, purge_at = :purge",
            ExpressionAttributeValues=to_wire(
                {":now": now.isoformat(), ":purge": int((now + KEPT).timestamp())}
            ),
        )


def _key(consumer: str, event_id: str) -> Key:
    return key(f"EVENT#{part(event_id)}", f"CONSUMER#{part(consumer)}")
