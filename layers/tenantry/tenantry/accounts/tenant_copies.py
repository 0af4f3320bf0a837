"""Adapter: a tenant's items and objects from one place to another, page by page.

A place without a table has objects alone.

A pass makes the target equal to the source: what differs is copied, what the source lacks goes. A
page that comes again changes nothing, so a pass goes on from wherever it stopped. Which partitions
hold a tenant's items is what the contexts declare (tenancy/holdings.py), so that nobody reads whole
tables: each is read, and written, under the tenant's own session.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from tenantry.accounts.model import Differences, Sums, Tally
from tenantry.accounts.repository import Copied, Place
from tenantry.errors import InvalidInputError, LeftoversError
from tenantry.persistence.items import from_wire, to_wire, without_events
from tenantry.persistence.keys import Key
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Remove, Store, Write
from tenantry.runtime.services import calling
from tenantry.tenancy.router import PUBLIC, Whereabouts
from tenantry.tenancy.tenant_table import TenantTable, fence_key

_READ: Final = 400
_AT_ONCE: Final = 9
"""Items of 400 KB that one transaction, of 4 MB at most, takes whatever their size."""
_LISTED: Final = 100
_VERSIONS: Final = 500
_LONGEST_KEY: Final = 1024
_SETS: Final = frozenset({"SS", "NS", "BS"})
_MODULUS: Final = 1 << 256

type Wire = dict[str, Any]
_called: Final = calling("The tenant's place")


class Clients(Protocol):
    """A tenant's session for a place and both of its buckets, as clients."""

    def table(self, name: str) -> Table: ...

    @property
    def dynamodb(self) -> Any: ...

    @property
    def s3(self) -> Any: ...


class DynamoDBTenantCopies:
    """`session` makes the tenant's clients for a place, and `partitions` names those of a tenant
    in its table, wherever that is."""

    def __init__(
        self,
        session: Callable[[Place], Clients],
        partitions: Callable[[str], Sequence[str]],
        shared: str,
    ) -> None:
        self._session = session
        self._partitions = partitions
        self._shared = shared

    def fence(self, place: Place, epoch: int) -> None:
        if place.table:
            self._fenced(place, epoch).raise_fence(epoch)

    def copy(self, source: Place, target: Place, epoch: int, position: str | None) -> Copied:
        """One page of a pass: the source's items, the target's that it lacks, then objects."""
        phase, _, rest = (position or _first(source)).partition("|")
        match phase:
            case "items":
                after, differed = self._copy_items(source, target, epoch, rest)
                return Copied(f"items|{after}" if after else "extra|", differed)
            case "extra":
                after, differed = self._remove_extra(source, target, epoch, rest)
                return Copied(f"extra|{after}" if after else "raw|", differed)
            case "raw" | "processed":
                return self._objects(phase, source, target, rest)
        raise LookupError(f"a pass has no phase {phase}")

    def clear(self, place: Place, epoch: int, position: str | None) -> str | None:
        """Remove a page of what a tenant has in a place, objects with all their versions.

        Answers where to go on; None when but the fence is left.
        """
        phase, _, rest = (position or _first(place)).partition("|")
        if phase == "items":
            nowhere = Place(place.tenant_id, "", "", "")
            after, _removed = self._remove_extra(nowhere, place, epoch, rest)
            return f"items|{after}" if after else "objects|"
        return None if self._cleared_objects(place) else "objects|"

    def sums(self, place: Place, found: Sums, lasting: datetime) -> Sums:
        """One page more: items, then objects, summed so that their order does not matter."""
        phase, _, rest = (found.next or _first(place)).partition("|")
        total = int(found.checksum or "0", 16)
        if phase == "items":
            everything, after = self._page(place, rest)
            page = [item for item in everything if _lasts(item, lasting)]
            total = sum((_digest(item) for item in page), total) % _MODULUS
            return found.model_copy(
                update={
                    "items": found.items + len(page),
                    "checksum": f"{total:064x}",
                    "next": f"items|{after}" if after else "raw|",
                }
            )
        objects, after = self._object_page(place, phase, rest)
        for each in objects:
            total += _digest({"area": phase, "key": each["Key"], "size": each["Size"]})
        following = f"{phase}|{after}" if after else "processed|" if phase == "raw" else None
        return found.model_copy(
            update={
                "objects": found.objects + len(objects),
                "bytes": found.bytes + sum(each["Size"] for each in objects),
                "checksum": f"{total % _MODULUS:064x}",
                "next": following,
                "is_whole": following is None,
            }
        )

    def compare(self, old: Place, new: Place, found: Differences, lasting: datetime) -> Differences:
        """One page more: the items of the old place, those that the new one has besides, then
        objects."""
        phase, rest = self._position(old, found.next or _first(old))
        if phase in ("items", "extra"):
            hold = self._held_against if phase == "items" else self._beyond
            tally, after = hold(old, new, rest, lasting)
            following = f"{phase}|{after}" if after else "extra|" if phase == "items" else "raw|"
            return found.model_copy(update={"items": found.items.plus(tally), "next": following})
        tally, after = self._objects_held(old, new, phase, rest)
        more = f"{phase}|{after}" if after else "processed|" if phase == "raw" else None
        return found.model_copy(
            update={
                "objects": found.objects.plus(tally),
                "next": more,
                "is_whole": more is None,
            }
        )

    def _position(self, place: Place, position: str) -> tuple[str, str]:
        """It comes from outside and may be anything."""
        phase, _, rest = position.partition("|")
        if phase in ("raw", "processed") and len(rest) <= _LONGEST_KEY:
            return phase, rest
        partitions = self._partitions(place.tenant_id)
        number, _, begin = rest.partition("|")
        if phase in ("items", "extra") and place.table and (number or "0").isdecimal():
            at = int((number or "0")[:6])
            if at < len(partitions) and (not begin or _begins(begin, partitions[at])):
                return phase, rest
        raise InvalidInputError([{"field": "after", "message": "is not a cursor of this list"}])

    # items

    def _held_against(
        self, old: Place, new: Place, rest: str, lasting: datetime
    ) -> tuple[Tally, str]:
        everything, after = self._page(old, rest)
        page = [item for item in everything if _lasts(item, lasting)]
        there = self._read(new, page)
        missing = sum(_where(item) not in there for item in page)
        changed = sum(_differs(item, there.get(_where(item))) for item in page) - missing
        return Tally(same=len(page) - changed - missing, changed=changed, missing=missing), after

    def _beyond(self, old: Place, new: Place, rest: str, lasting: datetime) -> tuple[Tally, str]:
        everything, after = self._page(new, rest)
        page = [item for item in everything if _lasts(item, lasting)]
        there = self._read(old, page)
        return Tally(added=sum(_where(item) not in there for item in page)), after

    def _objects_held(self, old: Place, new: Place, area: str, rest: str) -> tuple[Tally, str]:
        """As far as both pages reach."""
        pages = [self._object_page(place, area, rest) for place in (old, new)]
        after = min((after for _, after in pages if after), default="")
        before, now = (
            {each["Key"]: each["Size"] for each in found if not after or each["Key"] <= after}
            for found, _ in pages
        )
        same = sum(now.get(key) == size for key, size in before.items())
        both = len(before.keys() & now.keys())
        return Tally(
            same=same,
            changed=both - same,
            added=len(now) - both,
            missing=len(before) - both,
        ), after

    def _copy_items(self, source: Place, target: Place, epoch: int, rest: str) -> tuple[str, int]:
        page, after = self._page(source, rest)
        there = self._read(target, page)
        differing = [item for item in page if _differs(item, there.get(_where(item)))]
        self._write(target, epoch, [Store(_key(item), item) for item in differing])
        return after, len(differing)

    def _remove_extra(self, source: Place, target: Place, epoch: int, rest: str) -> tuple[str, int]:
        page, after = self._page(target, rest)
        there = self._read(source, page) if source.table else {}
        extra = [Remove(_key(item)) for item in page if _where(item) not in there]
        self._write(target, epoch, extra)
        return after, len(extra)

    def _write(self, target: Place, epoch: int, writes: list[Any]) -> None:
        table = self._fenced(target, epoch)
        for start in range(0, len(writes), _AT_ONCE):
            some: list[Write] = writes[start : start + _AT_ONCE]
            table.transact(some)

    def _page(self, place: Place, rest: str) -> tuple[list[Wire], str]:
        """A page of the tenant's items, without its fence, and where to go on; empty at the end."""
        partitions = self._partitions(place.tenant_id)
        number, _, begin = rest.partition("|")
        at = int(number or 0)
        request: dict[str, Any] = {
            "TableName": place.table,
            "ConsistentRead": True,
            "Limit": _READ,
            "KeyConditionExpression": "PK = :partition",
            "ExpressionAttributeValues": {":partition": {"S": partitions[at]}},
        }
        if begin:
            request["ExclusiveStartKey"] = json.loads(begin)
        answer = _called(self._session(place).dynamodb.query, **request)
        fence = fence_key(place.tenant_id)
        found = [without_events(item) for item in answer["Items"] if _key(item) != fence]
        if last := answer.get("LastEvaluatedKey"):
            return found, f"{at}|{json.dumps(last)}"
        return found, f"{at + 1}|" if at + 1 < len(partitions) else ""

    def _read(self, place: Place, items: list[Wire]) -> dict[tuple[str, str], Wire]:
        """What stands at the same keys, in DynamoDB's own form."""
        found: dict[tuple[str, str], Wire] = {}
        if not items:
            return found
        client = self._session(place).dynamodb
        keys = [to_wire(_key(item)) for item in items]
        for start in range(0, len(keys), 100):
            pending: Any = {
                place.table: {"Keys": keys[start : start + 100], "ConsistentRead": True}
            }
            while pending:
                answer = _called(client.batch_get_item, RequestItems=pending)
                for item in answer["Responses"].get(place.table, []):
                    found[_where(item)] = without_events(item)
                pending = answer.get("UnprocessedKeys")
        return found

    def _fenced(self, place: Place, epoch: int) -> TenantTable:
        kind = PUBLIC if place.table == self._shared else "private"
        where = Whereabouts(
            place.tenant_id, kind, place.table, place.raw, place.processed, "", epoch
        )
        return TenantTable(self._session(place).table(place.table), where)

    # objects

    def _objects(self, area: str, source: Place, target: Place, rest: str) -> Copied:
        """One page of an area's objects: what is newer in the source is copied.

        Of an object that the source lost meanwhile the copy goes at the end of the area.
        """
        old, new = (getattr(place, area) for place in (source, target))
        there_s3 = self._session(target).s3
        found, after = self._object_page(source, area, rest)
        there = {
            each["Key"]: each
            for each in self._listed(
                there_s3, new, source.tenant_id, rest, found[-1]["Key"] if found else ""
            )
        }
        differed = 0
        for each in found:
            copied = there.get(each["Key"])
            if copied is None or _is_stale(copied, each):
                differed += 1
                _called(
                    self._session(replace(target, raw=old, processed=new)).s3.copy_object,
                    Bucket=new,
                    Key=each["Key"],
                    CopySource={"Bucket": old, "Key": each["Key"]},
                    TaggingDirective="REPLACE",
                    Tagging=f"tenant-id={source.tenant_id}",
                )
        if after:
            return Copied(f"{area}|{after}", differed)
        here = self._listed(self._session(source).s3, old, source.tenant_id)
        kept = {each["Key"] for each in here}
        for each in self._listed(there_s3, new, source.tenant_id):
            if each["Key"] not in kept:
                differed += 1
                _called(there_s3.delete_object, Bucket=new, Key=each["Key"])
        return Copied("processed|" if area == "raw" else None, differed)

    def _object_page(
        self, place: Place, area: str, rest: str
    ) -> tuple[list[Mapping[str, Any]], str]:
        page = _called(
            self._session(place).s3.list_objects_v2,
            Bucket=getattr(place, area),
            Prefix=f"{place.tenant_id}/",
            StartAfter=rest,
            MaxKeys=_LISTED,
        )
        found = page.get("Contents", [])
        return found, found[-1]["Key"] if page.get("IsTruncated") else ""

    def _cleared_objects(self, place: Place) -> bool:
        """Delete a page of versions; True when none is left."""
        s3 = self._session(place).s3
        for bucket in (place.raw, place.processed):
            try:
                page = _called(
                    s3.list_object_versions,
                    Bucket=bucket,
                    Prefix=f"{place.tenant_id}/",
                    MaxKeys=_VERSIONS,
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchBucket":
                    raise
                continue  # of a stack that goes already
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if not found:
                continue
            objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            gone = {"Objects": objects, "Quiet": True}
            if refused := _called(s3.delete_objects, Bucket=bucket, Delete=gone).get("Errors"):
                raise LeftoversError(f"An object cannot be deleted: {refused[0].get('Code')}.")
            return False
        return True

    def _listed(
        self, s3: Any, bucket: str, tenant_id: str, after: str = "", until: str = "\U0010ffff"
    ) -> Iterator[Mapping[str, Any]]:
        while True:
            page = _called(
                s3.list_objects_v2, Bucket=bucket, Prefix=f"{tenant_id}/", StartAfter=after
            )
            for each in page.get("Contents", []):
                if each["Key"] > until:
                    return
                yield each
                after = each["Key"]
            if not page.get("IsTruncated"):
                return


def _first(place: Place) -> str:
    """Where a pass begins."""
    return "items|" if place.table else "raw|"


def _begins(text: str, partition: str) -> bool:
    """Whether it is where a page of the partition begins."""
    try:
        key = json.loads(text)
    except ValueError:
        return False
    match key:
        case {"PK": {"S": str(found)}, "SK": {"S": str(sort)}}:
            return set(key) == {"PK", "SK"} and found == partition and 0 < len(sort) <= _LONGEST_KEY
    return False


def _is_stale(copied: Mapping[str, Any], original: Mapping[str, Any]) -> bool:
    """Copied in the same second is copied again: S3 tells no finer times."""
    late: bool = copied["LastModified"] <= original["LastModified"]
    return late or copied["Size"] != original["Size"]


def _differs(item: Wire, other: Wire | None) -> bool:
    return other is None or _digest(other) != _digest(item)


def _lasts(item: Wire, beyond: datetime) -> bool:
    """Whether it is there still after a time, unless somebody deletes it."""
    ends = item.get("purge_at", {}).get("N")
    return ends is None or Decimal(ends) > Decimal(beyond.timestamp())


def _digest(item: Wire) -> int:
    """Of an item in DynamoDB's own form; sets have no order."""
    text = json.dumps(_ordered(item), sort_keys=True, default=repr)
    return int.from_bytes(hashlib.sha256(text.encode()).digest())


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: (sorted(inner) if name in _SETS and isinstance(inner, list) else _ordered(inner))
            for name, inner in value.items()
        }
    return [_ordered(inner) for inner in value] if isinstance(value, list) else value


def _key(item: Wire) -> Key:
    return from_wire({"PK": item["PK"], "SK": item["SK"]})


def _where(item: Wire) -> tuple[str, str]:
    return item["PK"]["S"], item["SK"]["S"]
