"""Adapter: whom the certificate of a teardown is mailed to, on the platform table.

ACCOUNT#<id>   FAREWELL#<operation>#<user>   purged in time, should nobody be told
"""

from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from tenantry.accounts.model import Operation
from tenantry.accounts.repository import Addressee
from tenantry.errors import CorruptDataError
from tenantry.persistence.items import Item
from tenantry.persistence.keys import Key, key, part
from tenantry.persistence.table import Table

_AT_ONCE = 100
_ADDRESSEE: TypeAdapter[Addressee] = TypeAdapter(Addressee)


class DynamoDBFarewells:
    def __init__(self, table: Table) -> None:
        self._table = table

    def keep(self, operation: Operation, addressee: Addressee, until: datetime) -> None:
        self._table.put(
            {
                **_key(operation, addressee.user_id),
                "entity_type": "Farewell",
                "user_id": addressee.user_id,
                "email": addressee.email,
                **({"locale": addressee.locale} if addressee.locale else {}),
                "purge_at": int(until.timestamp()),
            }
        )

    def kept(self, operation: Operation) -> list[Addressee]:
        start: Key | None = None
        found: list[Addressee] = []
        while True:
            page = self._table.query(
                _pk(operation), prefix=_prefix(operation), limit=_AT_ONCE, start=start
            )
            found += [_addressee(item) for item in page.items]
            start = page.next_key
            if start is None:
                return found

    def forget(self, operation: Operation, addressee: Addressee) -> None:
        self._table.delete(_key(operation, addressee.user_id))


def _pk(operation: Operation) -> str:
    return f"ACCOUNT#{part(operation.account_id)}"


def _prefix(operation: Operation) -> str:
    return f"FAREWELL#{part(operation.operation_id)}#"


def _key(operation: Operation, user_id: str) -> Key:
    return key(_pk(operation), f"{_prefix(operation)}{part(user_id)}")


def _addressee(item: Item) -> Addressee:
    try:
        return _ADDRESSEE.validate_python(item)
    except ValidationError as error:
        raise CorruptDataError("a stored Farewell breaks its schema") from error
