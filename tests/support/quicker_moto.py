"""Two things that moto's DynamoDB does at length, done with the same outcome in less.

Together they were most of the time of tests that write or read much.
"""

import copy
from functools import cache
from typing import Any

_AS_THEY_ARE = frozenset({"S", "N", "BOOL", "NULL", "SS", "NS"})


@cache
def quicken() -> None:
    """Of this process, once."""
    # moto takes a while to import: for those alone who have tables.
    from moto.core.serialize import JSONSerializer
    from moto.dynamodb.models.table import StreamShard

    serialize = JSONSerializer._serialize_type_structure

    def serialized(self: Any, into: Any, value: Any, shape: Any, key: str) -> None:
        """It asks each value of an item for each of ten types under all names it might have."""
        if shape.name == "AttributeValue" and _is_written(value):
            into[key] = value
        else:
            serialize(self, into, value, shape, key)

    def copied(shard: Any, memo: dict[int, Any]) -> Any:
        """A table is copied for each item of a transaction, which may be rolled back.

        Records of its stream never change; there may be thousands.
        """
        made = memo[id(shard)] = copy.copy(shard)
        made.table = copy.deepcopy(shard.table, memo)
        made.items = list(shard.items)
        return made

    JSONSerializer._serialize_type_structure = serialized  # type: ignore[method-assign, assignment]
    StreamShard.__deepcopy__ = copied  # type: ignore[attr-defined]


def _is_written(value: Any) -> bool:
    """Whether it is as DynamoDB writes it already, as all but binary values are."""
    if type(value) is not dict or len(value) != 1:
        return False
    [(kind, held)] = value.items()
    if kind == "M":
        return all(map(_is_written, held.values()))
    if kind == "L":
        return all(map(_is_written, held))
    return kind in _AS_THEY_ARE
