"""Adapter: what there is of an account, asked of each service, and never of our own ledger.

The tenant's items, objects and their deletion go by the tenant's own session, which reaches no
other's. What has the account's names or tags is looked for in the whole region.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from tenantry.accounts.model import Account, CloudType, Inventory, Names
from tenantry.accounts.provisioning import Shared
from tenantry.accounts.repository import Listing, Place
from tenantry.errors import LeftoversError, UnavailableError
from tenantry.persistence.items import from_wire
from tenantry.persistence.keys import organization_pk, part

_PAGE: Final = 250
_PARTS: Final = 4
"""Pages that one call deletes, of each kind."""
_DELETED_AT_ONCE: Final = 25
_GONE: Final = frozenset({"NoSuchBucket", "ResourceNotFoundException", "404"})
_BUSY: Final = frozenset(
    {"SlowDown", "ServiceUnavailable", "InternalError", "Throttling", "ThrottlingException"}
    | {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "InternalServerError"}
    | {"ThrottledException", "InternalServiceException", "TooManyUpdates"}
)


class Clients(Protocol):
    """The tenant's session, as clients."""

    @property
    def dynamodb(self) -> Any: ...

    @property
    def s3(self) -> Any: ...


@dataclass(frozen=True)
class Seeing:
    """Clients that see what has an account's names and tags, where that lies."""

    cloudformation: Any = None
    dynamodb: Any = None
    s3: Any = None
    tags: Any = None
    kms: Any = None


class AwsEstate:
    """`session` makes the tenant's clients for its place; the other clients see the account's
    names and tags. A task that asks for less is made with less.

    Into an AWS account of the organisation's own `inside` sees, as its administrator, or answers
    None of one that is closed, which has nothing; without it what is known to be there counts as
    there.
    """

    def __init__(
        self,
        prefix: str,
        shared: Shared,
        session: Callable[[Place], Clients],
        *,
        ssm: Any = None,
        cloudformation: Any = None,
        dynamodb: Any = None,
        s3: Any = None,
        tags: Any = None,
        kms: Any = None,
        inside: Callable[[Account], Seeing | None] | None = None,
    ) -> None:
        self._prefix = prefix
        self._shared = shared
        self._session = session
        self._ssm = ssm
        self._here = Seeing(cloudformation, dynamodb, s3, tags, kms)
        self._inside = inside

    def survey(self, account: Account, most: int | None = None) -> Inventory:
        items = item_bytes = objects = object_bytes = 0
        whole = True
        named, (tagged, going) = self._seen(account)
        table, buckets = self._place(account).table, self._buckets(account)
        if account.cloud_type is not CloudType.PUBLIC:
            # What is gone is asked for nothing: a session for it may be refused before that.
            table = table if f"table {table}" in named else ""
            buckets = tuple(name for name in buckets if f"bucket {name}" in named)
        for item in self._items(account) if table else ():
            if items == most:
                whole = False
                break
            items += 1
            item_bytes += len(json.dumps(item))
        for _, version in self._versions(account, buckets):
            if objects == most:
                whole = False
                break
            objects += 1
            object_bytes += version.get("Size", 0)
        return Inventory(
            items=items,
            item_bytes=item_bytes,
            objects=objects,
            object_bytes=object_bytes,
            parameters=len(self._parameters(account)),
            resources=tuple(sorted({*named, *tagged})),
            going=going,
            is_whole=whole,
        )

    def export(self, account: Account, after: str | None) -> Listing:
        if not self._is_made(account):
            return Listing(())
        at: dict[str, Any] = json.loads(after) if after else {"of": "items", "start": None}
        if at["of"] == "items":
            rows, start = self._item_page(account, at["start"])
            exported: list[dict[str, Any]] = [{"item": from_wire(row)} for row in rows]
            following: dict[str, Any] = (
                {"of": "items", "start": start} if start else {"of": "0", "start": None}
            )
            return Listing(tuple(exported), json.dumps(following))
        buckets = self._buckets(account)
        number = int(at["of"])
        found, start = self._version_page(account, buckets[number], at["start"])
        lines = [
            {
                "bucket": buckets[number],
                "key": each["Key"],
                "version": each["VersionId"],
                "size": each.get("Size"),
                "at": each["LastModified"].isoformat(),
            }
            for each in found
        ]
        if start:
            return Listing(tuple(lines), json.dumps({"of": at["of"], "start": start}))
        if number + 1 < len(buckets):
            return Listing(tuple(lines), json.dumps({"of": str(number + 1), "start": None}))
        return Listing(tuple(lines))

    def purge(self, account: Account) -> bool:
        """A table of the account's own takes its items along. What an account of its own is
        entered by goes with its stack."""
        done = True
        if account.cloud_type is CloudType.PUBLIC:
            done = self._purge_items(account)
        for bucket in self._buckets(account) if self._is_made(account) else ():
            done = self._purge_objects(account, bucket) and done
        entered_by = Names(self._prefix, account.account_id).external_id
        for name in self._parameters(account):
            if name == entered_by:
                continue
            try:
                _called(self._ssm.delete_parameter, Name=name)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ParameterNotFound":
                    raise
        return done

    # items

    def _purge_items(self, account: Account) -> bool:
        place = self._place(account)
        client = self._session(place).dynamodb
        for _ in range(_PARTS):
            rows, _start = self._item_page(account, None)
            if not rows:
                return True
            for begin in range(0, len(rows), _DELETED_AT_ONCE):
                keys = [
                    {"DeleteRequest": {"Key": {"PK": row["PK"], "SK": row["SK"]}}}
                    for row in rows[begin : begin + _DELETED_AT_ONCE]
                ]
                # What is left over comes with the next page.
                _called(client.batch_write_item, RequestItems={place.table: keys})
        return False

    def _items(self, account: Account) -> Iterator[dict[str, Any]]:
        start = None
        while True:
            rows, start = self._item_page(account, start)
            yield from rows
            if not start:
                return

    def _item_page(self, account: Account, start: Any) -> tuple[list[dict[str, Any]], Any]:
        """As DynamoDB gives them: what is counted and deleted need not be understood."""
        place = self._place(account)
        request = {"ExclusiveStartKey": start} if start else {}
        try:
            page = _called(
                self._session(place).dynamodb.query,
                TableName=place.table,
                KeyConditionExpression="PK = :pk",
                ExpressionAttributeValues={":pk": {"S": organization_pk(account.tenant_id)}},
                Limit=_PAGE,
                ConsistentRead=True,
                **request,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return [], None
            raise
        return page["Items"], page.get("LastEvaluatedKey")

    # objects

    def _purge_objects(self, account: Account, bucket: str) -> bool:
        client = self._session(self._place(account)).s3
        for _ in range(_PARTS):
            found, _start = self._version_page(account, bucket, None)
            if not found:
                return True
            objects = [{"Key": f["Key"], "VersionId": f["VersionId"]} for f in found]
            answer = _called(
                client.delete_objects, Bucket=bucket, Delete={"Objects": objects, "Quiet": True}
            )
            if refused := answer.get("Errors"):
                raise LeftoversError(f"An object cannot be deleted: {refused[0].get('Code')}.")
        return False

    def _versions(
        self, account: Account, buckets: tuple[str, ...]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for bucket in buckets:
            start = None
            while True:
                found, start = self._version_page(account, bucket, start)
                yield from ((bucket, each) for each in found)
                if not start:
                    break

    def _version_page(
        self, account: Account, bucket: str, start: Any
    ) -> tuple[list[dict[str, Any]], Any]:
        """Versions and marks of deletion below the tenant's prefix."""
        request = {"KeyMarker": start[0], "VersionIdMarker": start[1]} if start else {}
        try:
            page = _called(
                self._session(self._place(account)).s3.list_object_versions,
                Bucket=bucket,
                Prefix=f"{part(account.tenant_id)}/",
                MaxKeys=_PAGE,
                **request,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return [], None
            raise
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        more = page.get("IsTruncated")
        return found, [page["NextKeyMarker"], page["NextVersionIdMarker"]] if more else None

    # what has its names or tags

    def _parameters(self, account: Account) -> list[str]:
        """Their names: nobody here reads what they say."""
        tree = Names(self._prefix, account.account_id).tree
        filters = [{"Key": "Name", "Option": "BeginsWith", "Values": [f"{tree}/"]}]
        names: list[str] = []
        more: dict[str, str] = {}
        while True:
            page = _called(self._ssm.describe_parameters, ParameterFilters=filters, **more)
            names += [each["Name"] for each in page["Parameters"]]
            if not page.get("NextToken"):
                return names
            more = {"NextToken": page["NextToken"]}

    def _seen(self, account: Account) -> tuple[set[str], tuple[list[str], tuple[str, ...]]]:
        """What has its names, what has its tags, and what AWS itself deletes later."""
        if account.cloud_type is not CloudType.DEDICATED:
            return set(self._named(account, self._here)), self._tagged(account, self._here)
        if not self._is_made(account):
            return set(), ([], ())
        if self._inside is None:
            names = Names.of(self._prefix, account)
            known = {f"AWS account {account.aws_account_id}", f"table {names.table}"}
            return known | {f"bucket {name}" for name in names.buckets}, ([], ())
        there = self._inside(account)
        if there is None:
            return set(), ([], ())
        return set(self._named(account, there)), self._tagged(account, there)

    @staticmethod
    def _is_made(account: Account) -> bool:
        return account.cloud_type is not CloudType.DEDICATED or account.aws_account_id is not None

    def _named(self, account: Account, there: Seeing) -> Iterator[str]:
        own = Names.of(self._prefix, account).own
        try:
            found = _called(there.cloudformation.describe_stacks, StackName=own)["Stacks"]
        except ClientError as error:
            if "does not exist" not in error.response["Error"]["Message"]:
                raise
            found = []
        if found and found[0]["StackStatus"] != "DELETE_COMPLETE":
            yield f"stack {own}"
        # Names of tables come in their order, so those that begin like this come first.
        tables = _called(there.dynamodb.list_tables, ExclusiveStartTableName=own[:-1], Limit=100)
        yield from (f"table {name}" for name in tables["TableNames"] if name.startswith(own))
        buckets = _called(there.s3.list_buckets)["Buckets"]
        yield from (f"bucket {b['Name']}" for b in buckets if b["Name"].startswith(own))

    def _tagged(self, account: Account, there: Seeing) -> tuple[list[str], tuple[str, ...]]:
        """What is tagged with the account; keys that AWS is deleting are told apart."""
        filters = [{"Key": "account-id", "Values": [account.account_id]}]
        found: list[str] = []
        going: list[str] = []
        more = ""
        while True:
            page = _called(there.tags.get_resources, TagFilters=filters, PaginationToken=more)
            for each in page["ResourceTagMappingList"]:
                arn = each["ResourceARN"]
                if ":dynamodb:" in arn and not self._table_is_there(there, arn.rpartition("/")[2]):
                    continue  # tags are told of for a while after what they were on is gone
                if ":kms:" not in arn:
                    found.append(arn)
                    continue
                key = _called(there.kms.describe_key, KeyId=arn)["KeyMetadata"]
                if key["KeyState"] == "PendingDeletion":
                    going.append(f"{arn} until {key['DeletionDate'].isoformat()}")
                else:
                    found.append(arn)
            more = page.get("PaginationToken", "")
            if not more:
                return found, tuple(sorted(going))

    @staticmethod
    def _table_is_there(there: Seeing, name: str) -> bool:
        found = _called(there.dynamodb.list_tables, ExclusiveStartTableName=name[:-1], Limit=100)
        return name in found["TableNames"]

    # inside

    def _place(self, account: Account) -> Place:
        return self._shared.place(account, self._prefix)

    def _buckets(self, account: Account) -> tuple[str, ...]:
        place = self._place(account)
        return place.raw, place.processed


def _called(call: Callable[..., Any], **request: Any) -> Any:
    try:
        return call(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] in _BUSY:
            raise UnavailableError("A service is busy; try again.") from error
        raise
    except BotoCoreError as error:
        raise UnavailableError("A service does not answer; try again.") from error
