"""What a table's stream still holds for its readers outlives a stop of the local cloud.

MiniStack saves how far each event source mapping has read, and not the stream: after a start the
positions lie past the end of an empty stream, and what is written then reaches nobody until as
much has been written as before. On AWS a stream keeps its records for 24 hours, whoever stops.
"""

from __future__ import annotations

import copy
import functools
from typing import Any

from ministack.services import dynamodb, lambda_svc

_UNREAD, _BEFORE = "unread_stream_records", "stream_records_before"


def install() -> None:
    """Save the records that some mapping has not read, with their positions."""
    get_state, load_state = dynamodb.get_state, dynamodb.load_persisted_state

    @functools.wraps(get_state)
    def saved() -> dict[str, Any]:
        return {**get_state(), **_streams()}

    @functools.wraps(load_state)
    def loaded(data: dict[str, Any] | None) -> Any:
        answer = load_state(data)
        if data:
            dynamodb._stream_records.update(data.get(_UNREAD, {}))
            dynamodb._stream_trimmed.update(data.get(_BEFORE, {}))
        return answer

    dynamodb.get_state, dynamodb.load_persisted_state = saved, loaded


def _streams() -> dict[str, Any]:
    """The unread end of every stream, and how many records came before it."""
    unread, before = dynamodb.AccountRegionScopedDict(), dynamodb.AccountRegionScopedDict()
    for (account, region, table), records in list(dynamodb._stream_records.all_items()):
        trimmed = dynamodb._stream_trimmed.get_scoped(account, region, table, 0)
        end = trimmed + len(records)
        stream = (dynamodb._tables.get_scoped(account, region, table) or {}).get("LatestStreamArn")
        first = max(trimmed, min([end, *_read_up_to(stream)]))
        unread.set_scoped(account, region, table, copy.deepcopy(records[first - trimmed :]))
        before.set_scoped(account, region, table, first)
    return {_UNREAD: unread, _BEFORE: before}


def _read_up_to(stream: str | None) -> list[int]:
    """How far those have read who read this stream."""
    positions = lambda_svc._dynamodb_stream_positions
    return [
        positions.get_scoped(account, region, mapping_id)
        for (account, region, mapping_id), mapping in list(lambda_svc._esms.all_items())
        if mapping.get("EventSourceArn") == stream
        and positions.get_scoped(account, region, mapping_id) is not None
    ]
