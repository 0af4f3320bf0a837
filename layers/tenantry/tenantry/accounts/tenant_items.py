"""Adapter: an organisation's items in one table, as contexts declare them (`tenancy.holdings`).

What goes is counted, exported and deleted; what is kept is left alone; what nobody declared is only
named.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from tenantry.persistence.items import from_wire, to_wire
from tenantry.persistence.keys import SEPARATOR, organization_pk
from tenantry.tenancy.holdings import Holding, Store, holding_of, partitions

_PAGE: Final = 250
_PARTS: Final = 4
"""Pages that one call deletes, of each partition."""
_DELETED_AT_ONCE: Final = 25
_SCANNED: Final = 500

type Wire = dict[str, Any]
type Caller = Callable[..., Any]
"""Calls an operation of AWS, and says of one that is busy that it is."""


@dataclass(frozen=True)
class TenantItems:
    """Of one organisation in one table; `client` reaches no other's, or only reads."""

    client: Any
    table: str
    store: Store
    tenant_id: str
    called: Caller

    def page(self, after: list[Any] | None) -> tuple[list[Wire], list[Any] | None]:
        """Items that go, as DynamoDB gives them: what is counted and deleted need not be
        understood. With them where the next page begins; None at the end."""
        number, start = after or (0, None)
        names = partitions(self.store, self.tenant_id)
        rows, start = self._query(names[number], start)
        found = [row for row in rows if (its := self._holding(row)) and its.goes]
        if start:
            return found, [number, start]
        return found, [number + 1, None] if number + 1 < len(names) else None

    def all(self) -> Iterator[Wire]:
        after: list[Any] | None = None
        while True:
            rows, after = self.page(after)
            yield from rows
            if after is None:
                return

    def undeclared(self) -> list[str]:
        """What lies in the declared partitions, and is nobody's."""
        return [
            self._named(row)
            for name in partitions(self.store, self.tenant_id)
            for row in self._every(name)
            if self._holding(row) is None
        ]

    def purge(self) -> bool:
        """Delete a bounded part of what goes; True when nothing of it is left."""
        done = [self._purge(name) for name in partitions(self.store, self.tenant_id)]
        return all(done)

    def sweep(self, after: Wire | None) -> tuple[list[str], Wire | None]:
        """A page of the whole table, looked through for what is the organisation's in any
        partition: what would not be there once what goes is gone. Takes a client that may scan."""
        own = organization_pk(self.tenant_id)
        request: dict[str, Any] = {"ExclusiveStartKey": after} if after else {}
        answer = self.called(
            self.client.scan,
            TableName=self.table,
            Limit=_SCANNED,
            ConsistentRead=True,
            # Keys alone: whoever may scan may read nothing else of anybody.
            Select="SPECIFIC_ATTRIBUTES",
            ProjectionExpression="PK, SK",
            FilterExpression="PK = :own OR begins_with(PK, :below)",
            ExpressionAttributeValues={":own": {"S": own}, ":below": {"S": f"{own}{SEPARATOR}"}},
            **request,
        )
        left = [row for row in answer["Items"] if not ((h := self._holding(row)) and h.kept)]
        return [self._named(row) for row in left], answer.get("LastEvaluatedKey")

    # inside

    def _purge(self, name: str) -> bool:
        start: Wire | None = None
        for _ in range(_PARTS):
            rows, start = self._query(name, start)
            going = [(row, its) for row in rows if (its := self._holding(row)) and its.goes]
            for row, its in going:
                self._delete_beside(row, its)
            for begin in range(0, len(going), _DELETED_AT_ONCE):
                requests = [
                    {"DeleteRequest": {"Key": {"PK": row["PK"], "SK": row["SK"]}}}
                    for row, _ in going[begin : begin + _DELETED_AT_ONCE]
                ]
                answer = self.called(
                    self.client.batch_write_item, RequestItems={self.table: requests}
                )
                if answer.get("UnprocessedItems"):
                    return False  # the next call begins at the beginning
            if not start:
                return True
        return False

    def _delete_beside(self, row: Wire, its: Holding) -> None:
        where = its.beside(from_wire(row)) if its.beside else None
        if where is None:
            return
        try:
            self.called(
                self.client.delete_item,
                TableName=self.table,
                Key=to_wire(where),
                ConditionExpression="tenant_id = :tenant",
                ExpressionAttributeValues={":tenant": {"S": self.tenant_id}},
            )
        except ClientError as error:
            # Somebody else's by now, or gone.
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def _every(self, name: str) -> Iterator[Wire]:
        start: Wire | None = None
        while True:
            rows, start = self._query(name, start)
            yield from rows
            if not start:
                return

    def _query(self, name: str, start: Wire | None) -> tuple[list[Wire], Wire | None]:
        request: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
        try:
            page = self.called(
                self.client.query,
                TableName=self.table,
                KeyConditionExpression="PK = :pk",
                ExpressionAttributeValues={":pk": {"S": name}},
                Limit=_PAGE,
                ConsistentRead=True,
                **request,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return [], None
            raise
        return page["Items"], page.get("LastEvaluatedKey")

    def _holding(self, row: Wire) -> Holding | None:
        return holding_of(self.store, self.tenant_id, row["PK"]["S"], row["SK"]["S"])

    def _named(self, row: Wire) -> str:
        return f"item {row['PK']['S']} / {row['SK']['S']} of {self.table}"
