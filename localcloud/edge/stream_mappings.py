"""Event source mappings of DynamoDB streams, with the failure handling that AWS documents.

MiniStack loses records that a partial batch response reports, retries for ever, and polls one
stream after the other. Here, as in "Configuring partial batch response with DynamoDB and Lambda"
and "Retaining discarded records" of the Lambda developer guide: the lowest reported sequence
number is the checkpoint; a failed batch is retried from it up to MaximumRetryAttempts or
MaximumRecordAgeInSeconds, halved when BisectBatchOnFunctionError says so; then a record of it
goes to the on-failure destination (SQS, SNS, or S3 with the whole batch) and the shard goes on.
Each mapping works on its own, and in order.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import (
    _request_account_id,
    _request_region,
    get_account_id,
    get_region,
)
from ministack.services import dynamodb, lambda_svc

_logger = logging.getLogger("localcloud.stream_mappings")
_FOREVER = -1
_LARGEST_BATCH = 10_000
_SHARD = "shardId-00000000000000000000-00000000"

type Mapping = dict[str, Any]
type Record = dict[str, Any]


@dataclass(slots=True)
class _Attempts:
    """How often the batch that begins at `position` has failed, and how much of it to try."""

    position: int
    failures: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class _FailedBatch:
    """What has to be retried or given up; `raw_length` counts records that were filtered out."""

    mapping: Mapping
    function_arn: str
    records: list[Record]
    raw_length: int
    result: dict[str, Any]


_attempts: dict[str, _Attempts] = {}
_busy: set[str] = set()
_busy_lock = threading.Lock()


def install() -> None:
    """Take over the polling of DynamoDB streams."""
    lambda_svc._poll_dynamodb_streams = _poll


def is_behind(mapping: Mapping) -> bool:
    """Whether the mapping has records that it has not handed over, or is at it."""
    with _busy_lock:
        if mapping["UUID"] in _busy:
            return True
    return _has_records(mapping)


def _poll() -> bool:
    """Start a batch of every mapping that has records and is idle; whether any was started."""
    started = False
    for account, region, mapping in lambda_svc._iter_all_esms():
        if ":dynamodb:" not in mapping.get("EventSourceArn", ""):
            continue
        account_token = _request_account_id.set(account)
        region_token = _request_region.set(region)
        try:
            started = _start(mapping) or started
        finally:
            _request_account_id.reset(account_token)
            _request_region.reset(region_token)
    return started


def _start(mapping: Mapping) -> bool:
    mapping_id = mapping["UUID"]
    if not mapping.get("Enabled", True) or _paused(mapping_id) or not _has_records(mapping):
        return False
    with _busy_lock:
        if mapping_id in _busy:
            return False
        _busy.add(mapping_id)
    lambda_svc.spawn_background(_work, mapping, thread_name=f"stream-{mapping_id[:8]}")
    return True


def _work(mapping: Mapping) -> None:
    try:
        _process(mapping)
    finally:
        with _busy_lock:
            _busy.discard(mapping["UUID"])
        lambda_svc.esm_wake.set()


def _paused(mapping_id: str) -> bool:
    until: float = lambda_svc._esm_backoff_until.get(mapping_id, 0)
    return until > time.time()


def _stream_table(mapping: Mapping) -> str | None:
    """The table whose current stream the mapping reads, None when there is none any more."""
    try:
        found = lambda_svc._dynamodb_stream_table_from_arn_spec(
            parse_arn(mapping["EventSourceArn"])
        )
    except ArnParseError:
        return None
    if found is None:
        return None
    name: str = found[0]
    table = dynamodb._tables.get(name)
    return name if table and table.get("LatestStreamArn") == mapping["EventSourceArn"] else None


def _has_records(mapping: Mapping) -> bool:
    table = _stream_table(mapping)
    return table is not None and bool(dynamodb.stream_end_position(table) > _position(mapping))


def _position(mapping: Mapping) -> int:
    table = _stream_table(mapping)
    positions = lambda_svc._dynamodb_stream_positions
    horizon: int = dynamodb.stream_start_position(table)
    with lambda_svc._dynamodb_stream_positions_lock:
        if mapping["UUID"] not in positions:
            from_start = mapping.get("StartingPosition", "LATEST") == "TRIM_HORIZON"
            positions[mapping["UUID"]] = (
                horizon if from_start else dynamodb.stream_end_position(table)
            )
        # Records that expired since the last pass are gone; a stream that began anew has fewer.
        end: int = dynamodb.stream_end_position(table)
        position: int = min(max(positions[mapping["UUID"]], horizon), end)
    return position


def _advance(mapping: Mapping, position: int) -> None:
    with lambda_svc._dynamodb_stream_positions_lock:
        lambda_svc._dynamodb_stream_positions[mapping["UUID"]] = position


def _process(mapping: Mapping) -> None:
    table = _stream_table(mapping)
    function, _ = lambda_svc._get_func_record_for_qualifier(
        mapping["FunctionName"], mapping.get("Qualifier")
    )
    if table is None or function is None:
        return
    position = _position(mapping)
    attempts = _attempts.get(mapping["UUID"])
    if attempts is None or attempts.position != position:
        attempts = _Attempts(position)
    size = min(mapping.get("BatchSize", 100), attempts.limit or _LARGEST_BATCH)
    raw = dynamodb.stream_records_since(table, position, size)
    wanted = lambda_svc._apply_filter_criteria(raw, mapping)
    if not wanted:
        _advance(mapping, position + len(raw))
        return
    result = lambda_svc._execute_function(function, {"Records": wanted})
    checkpoint = _checkpoint(mapping, result, wanted)
    if checkpoint is None:
        _succeeded(mapping, position + len(raw), len(wanted))
        return
    reached = position + raw.index(wanted[checkpoint])
    if reached > position:
        # What lies before the checkpoint is done; the rest is a new batch.
        _advance(mapping, reached)
        attempts = _Attempts(reached)
    failed = _FailedBatch(
        mapping=mapping,
        function_arn=(function.get("config") or function).get("FunctionArn", ""),
        records=wanted[checkpoint:],
        raw_length=position + len(raw) - reached,
        result=result,
    )
    _retry_or_discard(failed, attempts)


def _checkpoint(mapping: Mapping, result: dict[str, Any], batch: list[Record]) -> int | None:
    """Index in the batch to go on from; None when all of it succeeded."""
    if result.get("error"):
        return 0
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []):
        return None
    body = result.get("body")
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return 0
    failures = (body or {}).get("batchItemFailures") if isinstance(body, dict | None) else []
    if not failures:
        return None
    numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
    reported = [str((failure or {}).get("itemIdentifier") or "") for failure in failures]
    # An identifier that is empty or not of this batch fails the batch as a whole.
    if any(number not in numbers for number in reported):
        return 0
    return min(numbers.index(number) for number in reported)


def _succeeded(mapping: Mapping, position: int, count: int) -> None:
    _advance(mapping, position)
    _attempts.pop(mapping["UUID"], None)
    lambda_svc._esm_backoff_until.pop(mapping["UUID"], None)
    mapping["LastProcessingResult"] = f"OK - {count} records"


def _retry_or_discard(failed: _FailedBatch, attempts: _Attempts) -> None:
    mapping_id = failed.mapping["UUID"]
    failed.mapping["LastProcessingResult"] = "FAILED"
    if failed.mapping.get("BisectBatchOnFunctionError") and len(failed.records) > 1:
        # Splitting does not count towards the retries.
        attempts.limit = failed.raw_length // 2
    else:
        attempts.failures += 1
    _logger.warning(
        "%s failed a batch of %d records, %d failures: %s",
        failed.mapping["FunctionName"],
        len(failed.records),
        attempts.failures,
        failed.result.get("body"),
    )
    condition = _exhausted(failed, attempts)
    if condition:
        _discard(failed, attempts.failures, condition)
        _advance(failed.mapping, attempts.position + failed.raw_length)
        _attempts.pop(mapping_id, None)
        return
    _attempts[mapping_id] = attempts
    lambda_svc._esm_backoff_until[mapping_id] = time.time() + lambda_svc._ESM_BACKOFF_SECONDS


def _exhausted(failed: _FailedBatch, attempts: _Attempts) -> str | None:
    retries = int(failed.mapping.get("MaximumRetryAttempts", _FOREVER))
    if retries != _FOREVER and attempts.failures > retries:
        return "RetryAttemptsExhausted"
    oldest_allowed = int(failed.mapping.get("MaximumRecordAgeInSeconds", _FOREVER))
    if oldest_allowed > 0 and time.time() - min(_arrivals(failed.records)) > oldest_allowed:
        return "MaxRecordAgeExceeded"
    return None


def _arrivals(batch: list[Record]) -> Iterator[float]:
    for record in batch:
        yield float(record["dynamodb"].get("ApproximateCreationDateTime", time.time()))


def _discard(failed: _FailedBatch, invocations: int, condition: str) -> None:
    mapping, batch = failed.mapping, failed.records
    destination = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get(
        "Destination"
    )
    if not destination:
        return
    now = datetime.now(UTC)
    arrivals = [datetime.fromtimestamp(when, UTC) for when in _arrivals(batch)]
    record: dict[str, Any] = {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": failed.function_arn,
            "condition": condition,
            "approximateInvokeCount": invocations,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled" if failed.result.get("error") else None,
        },
        "version": "1.0",
        "timestamp": _timestamp(now),
        "DDBStreamBatchInfo": {
            "shardId": _SHARD,
            "startSequenceNumber": batch[0]["dynamodb"]["SequenceNumber"],
            "endSequenceNumber": batch[-1]["dynamodb"]["SequenceNumber"],
            "approximateArrivalOfFirstRecord": _timestamp(min(arrivals)),
            "approximateArrivalOfLastRecord": _timestamp(max(arrivals)),
            "batchSize": len(batch),
            "streamArn": mapping["EventSourceArn"],
        },
    }
    _send(destination, mapping["UUID"], record, batch, now)


def _send(
    destination: str,
    mapping_id: str,
    record: dict[str, Any],
    batch: list[Record],
    now: datetime,
) -> None:
    target = parse_arn(destination)
    if target.service == "s3":
        # Only S3 receives the records themselves.
        payload = {**record, "payload": json.dumps({"Records": batch})}
        key = (
            f"aws/lambda/{mapping_id}/{_SHARD}/{now:%Y/%m/%d}/"
            f"{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        )
        _request("s3", "PUT", f"/{target.resource}/{key}", {}, payload)
    elif target.service == "sqs":
        url = f"{_endpoint()}/{target.account_id}/{target.resource}"
        message = {"QueueUrl": url, "MessageBody": json.dumps(record)}
        _request("sqs", "POST", "/", {"x-amz-target": "AmazonSQS.SendMessage"}, message)
    elif target.service == "sns":
        message = {"Action": "Publish", "TopicArn": destination, "Message": json.dumps(record)}
        _request("sns", "POST", f"/?{urllib.parse.urlencode(message)}", {}, None)


def _endpoint() -> str:
    return os.environ["AWS_ENDPOINT_URL"]


def _request(service: str, method: str, path: str, headers: dict[str, str], body: Any) -> None:
    """Call a service through its public API as the root of the mapping's account."""
    scope = f"{datetime.now(UTC):%Y%m%d}/{get_region()}/{service}/aws4_request"
    request = urllib.request.Request(
        f"{_endpoint()}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "content-type": "application/x-amz-json-1.0",
            # The signature of a root key is not checked.
            "authorization": f"AWS4-HMAC-SHA256 Credential={get_account_id()}/{scope}, "
            "SignedHeaders=host, Signature=0",
            **headers,
        },
    )
    try:
        urllib.request.urlopen(request, timeout=30).close()
    except urllib.error.HTTPError as refused:
        _logger.exception("the on-failure destination %s refused: %s", path, refused.read())


def _timestamp(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
