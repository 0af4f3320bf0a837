"""Adapter: what there is of an account, asked of each service, and never of our own ledger.

The tenant's items, objects and their deletion go by the tenant's own session, which reaches no
other's. What has the account's names or tags is looked for in the whole region.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from tenantry.accounts.model import Account, CloudType, Inventory, Names
from tenantry.accounts.provisioning import Shared
from tenantry.accounts.repository import Listing, MachineClients, Place
from tenantry.accounts.tenant_items import TenantItems
from tenantry.errors import LeftoversError, UnknownRouteError
from tenantry.persistence.items import from_wire
from tenantry.persistence.keys import part
from tenantry.persistence.table import Table
from tenantry.runtime.services import calling
from tenantry.tenancy.holdings import Store
from tenantry.tenancy.router import PUBLIC, Whereabouts
from tenantry.tenancy.tenant_table import TenantTable

_PAGE: Final = 250
_PARTS: Final = 4
"""Pages that one call deletes, of each bucket."""
_NOT_EXPORTED: Final = frozenset({"events", "event_ids", "token_hashes"})
"""What stamps, and what opens invitations: neither is the tenant's."""
_GONE: Final = frozenset({"NoSuchBucket", "404"})
NOT_LOOKED_AT: Final = "it lets nobody in, so what it held is neither counted nor kept"
_called: Final = calling("A service")


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
    there. One that lets nobody in is refused with UnknownRouteError, unless `leaves_out` says that
    nothing is asked of it: a survey then tells so. `clients` are asked which of the pool's have its
    names, and all of the pool is looked through for it; who has no time for that is told which
    `programs` are bound to it.
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
        clients: MachineClients | None = None,
        programs: Callable[[Account], list[str]] = lambda _account: [],
        inside: Callable[[Account], Seeing | None] | None = None,
        leaves_out: Callable[[Account], bool] = lambda _account: False,
        platform: str = "",
        exports: str = "",
    ) -> None:
        self._prefix = prefix
        self._shared = shared
        self._session = session
        self._ssm = ssm
        self._here = Seeing(cloudformation, dynamodb, s3, tags, kms)
        self._clients = clients
        self._bound = programs
        self._inside = inside
        self._leaves_out = leaves_out
        self._platform = platform
        self._exports = exports

    def survey(self, account: Account, most: int | None = None) -> Inventory:
        items = item_bytes = objects = object_bytes = records = 0
        whole = self._inside is not None or not self._is_left_out(account)
        named, (tagged, going) = self._seen(account)
        for each in self._items(account, named):
            for item in each.all():
                if items == most:
                    whole = False
                    break
                items += 1
                item_bytes += len(json.dumps(item))
        for bucket in self._buckets(account, named):
            for version in self._versions(account, bucket):
                if objects == most:
                    whole = False
                    break
                objects += 1
                object_bytes += version.get("Size", 0)
        administration = self._administration(account)
        for _ in administration.all():
            if records == most:
                whole = False
                break
            records += 1
        nobodys = administration.undeclared()
        return Inventory(
            items=items,
            item_bytes=item_bytes,
            objects=objects,
            object_bytes=object_bytes,
            records=records,
            parameters=len(self._parameters(account)),
            resources=tuple(sorted({*named, *tagged, *nobodys, *self._programs(account)})),
            going=going,
            is_whole=whole,
        )

    def sweep(self, account: Account, after: str | None) -> tuple[list[str], str | None]:
        """A page of the tables that all share, in which nothing of the tenant is to be found any
        more but what is declared as kept."""
        tables = ((self._shared.table, Store.TENANT), (self._platform, Store.PLATFORM))
        number, start = json.loads(after) if after else (0, None)
        table, store = tables[number]
        everybodys = TenantItems(self._here.dynamodb, table, store, account.tenant_id, _called)
        found, start = everybodys.sweep(start)
        if start:
            return found, json.dumps([number, start])
        return found, json.dumps([number + 1, None]) if number + 1 < len(tables) else None

    def export(self, account: Account, after: str | None) -> Listing:
        """Items of each table, then the versions in each bucket."""
        sources = [*self._items(account, None), self._administration(account)]
        buckets = self._buckets(account, None)
        number, start = json.loads(after) if after else (0, None)
        if number < len(sources):
            source = sources[number]
            rows, start = source.page(start)
            lines: list[dict[str, Any]] = [
                {"table": source.store.value, "item": _exported(row)} for row in rows
            ]
            counted = (
                Inventory(records=len(rows))
                if source.store is Store.PLATFORM
                else Inventory(items=len(rows), item_bytes=sum(len(json.dumps(r)) for r in rows))
            )
        else:
            bucket = buckets[number - len(sources)]
            found, start = self._version_page(account, bucket, start)
            lines = [
                {
                    "bucket": bucket,
                    "key": each["Key"],
                    "version": each["VersionId"],
                    "size": each.get("Size"),
                    "at": each["LastModified"].isoformat(),
                }
                for each in found
            ]
            counted = Inventory(
                objects=len(found), object_bytes=sum(each.get("Size", 0) for each in found)
            )
        if start:
            return Listing(tuple(lines), json.dumps([number, start]), counted)
        last = number + 1 == len(sources) + len(buckets)
        return Listing(tuple(lines), None if last else json.dumps([number + 1, None]), counted)

    def purge(self, account: Account, *, shared_alone: bool = False) -> bool:
        """A table of the account's own takes its items along. What an account of its own is
        entered by goes with its stack."""
        named = set[str]() if shared_alone else None
        done = [
            each.purge()
            for each in (*self._items(account, named), self._administration(account))
            if each.table in (self._shared.table, self._platform)
        ]
        done += [self._purge_objects(account, name) for name in self._buckets(account, named)]
        if self._clients and all(done):
            for each in self._clients.of(account):
                self._clients.remove(each.client_id)
        entered_by = Names(self._prefix, account.account_id).external_id
        for name in self._parameters(account):
            if name == entered_by:
                continue
            try:
                _called(self._ssm.delete_parameter, Name=name)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ParameterNotFound":
                    raise
        return all(done)

    def fence(self, account: Account, epoch: int) -> None:
        """Of its own table and of the shared one, which contexts use whatever the account is."""
        tables = {
            each.table: each for each in (self._in_common(account), self._own(account)) if each
        }
        for place in tables.values():
            kind = PUBLIC if place.table == self._shared.table else account.cloud_type.value
            where = Whereabouts(
                place.tenant_id, kind, place.table, place.raw, place.processed, "", epoch
            )
            table = Table(self._session(place).dynamodb, place.table)
            TenantTable(table, where).raise_fence(epoch)

    # what copies its objects

    def buckets(self, account: Account) -> tuple[str, ...]:
        return self._buckets(account, None)

    def holding(self, account: Account, bucket: str) -> Any:
        """The client of the tenant's session for the place that a bucket belongs to."""
        return self._holding(account, bucket)

    def latest(
        self, account: Account, bucket: str, after: str
    ) -> tuple[list[dict[str, Any]], str | None]:
        """A page of the objects that stand behind the name `after`, in the order of their names,
        and behind which name the next one begins. What was deleted fills pages too."""
        found, more = self._version_page(account, bucket, [after, None] if after else None)
        latest = [each for each in found if each["IsLatest"] and "Size" in each]
        return sorted(latest, key=lambda each: each["Key"].encode()), more[0] if more else None

    # items

    def _items(self, account: Account, named: set[str] | None) -> list[TenantItems]:
        """The tenant's items in its own table, and in the shared one, which contexts use whatever
        the account is; what is not among the `named` is asked for nothing."""
        own, places = self._own(account), [self._in_common(account)]
        # A session for what is gone may be refused before anything is asked.
        alone = own if own and own.table != self._shared.table else None
        wanted = alone and (named is None or f"table {alone.table}" in named)
        if alone and wanted and not self._is_left_out(account):
            places.insert(0, alone)
        return [
            TenantItems(
                self._session(place).dynamodb, place.table, Store.TENANT, place.tenant_id, _called
            )
            for place in places
        ]

    def _administration(self, account: Account) -> TenantItems:
        return TenantItems(
            self._here.dynamodb, self._platform, Store.PLATFORM, account.tenant_id, _called
        )

    # objects

    def _purge_objects(self, account: Account, bucket: str) -> bool:
        client = self._holding(account, bucket)
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

    def _versions(self, account: Account, bucket: str) -> Iterator[dict[str, Any]]:
        start = None
        while True:
            found, start = self._version_page(account, bucket, start)
            yield from found
            if not start:
                return

    def _version_page(
        self, account: Account, bucket: str, start: Any
    ) -> tuple[list[dict[str, Any]], Any]:
        """Versions and marks of deletion below the tenant's prefix."""
        markers = zip(("KeyMarker", "VersionIdMarker"), start or (), strict=False)
        request = {name: value for name, value in markers if value}
        try:
            page = _called(
                self._holding(account, bucket).list_object_versions,
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

    def _programs(self, account: Account) -> list[str]:
        """Clients of the user pool's that have its names, or that are bound to it."""
        if self._clients is None:
            found = self._bound(account)
        else:
            found = [each.client_id for each in self._clients.of(account)]
        return [f"user pool client {client_id}" for client_id in found]

    def _seen(self, account: Account) -> tuple[set[str], tuple[list[str], tuple[str, ...]]]:
        """What has its names, what has its tags, and what AWS itself deletes later."""
        if account.cloud_type is not CloudType.DEDICATED:
            return set(self._named(account, self._here)), self._tagged(account, self._here)
        if not self._is_made(account):
            return set(), ([], ())
        if self._inside is None:
            if self._is_left_out(account):
                return {f"AWS account {account.aws_account_id}: {NOT_LOOKED_AT}"}, ([], ())
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
        """Where it has two forms, the name of the first begins those of the second."""
        forms = [Names.of(self._prefix, each) for each in account.forms]
        own = forms[0].own
        for names in forms:
            try:
                found = _called(there.cloudformation.describe_stacks, StackName=names.stack)
            except ClientError as error:
                if "does not exist" not in error.response["Error"]["Message"]:
                    raise
                continue
            if any(each["StackStatus"] != "DELETE_COMPLETE" for each in found["Stacks"]):
                yield f"stack {names.stack}"
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

    def _own(self, account: Account) -> Place | None:
        """What the account has for itself; None where it shares, or nothing has been made."""
        if not account.has_stack or not self._is_made(account):
            return None
        return self._place(account)

    def _is_left_out(self, account: Account) -> bool:
        """Whether its own AWS account lets nobody in and nothing is asked of it for that."""
        own = self._own(account)
        if own is None or own.abroad is None:
            return False
        try:
            self._session(own)
        except UnknownRouteError:
            if self._leaves_out(account):
                return True
            raise
        return False

    def _in_common(self, account: Account) -> Place:
        shared = self._shared
        return Place(account.tenant_id, shared.table, shared.raw, shared.processed)

    def _buckets(self, account: Account, named: set[str] | None) -> tuple[str, ...]:
        """The tenant's own, and those that are shared by all."""
        own, shared = self._own(account), self._in_common(account)
        both = (own.raw, own.processed) if own else ()
        mine = [name for name in both if named is None or f"bucket {name}" in named]
        if mine and self._is_left_out(account):
            mine = []
        return (
            *mine,
            shared.raw,
            shared.processed,
            *((self._exports,) if self._exports else ()),
        )

    def _holding(self, account: Account, bucket: str) -> Any:
        """The client of the tenant's session for the place that a bucket belongs to."""
        own, shared = self._own(account), self._in_common(account)
        if own and bucket in (own.raw, own.processed):
            return self._session(own).s3
        if bucket == self._exports:
            shared = replace(shared, raw=bucket, processed=bucket)
        return self._session(shared).s3


def _exported(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in from_wire(row).items() if name not in _NOT_EXPORTED}
