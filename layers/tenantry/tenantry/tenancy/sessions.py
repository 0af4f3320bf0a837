"""Credentials that reach one tenant's data and no other's.

Handlers of tenant data may only assume TenantDataRole; the session's literal inline policy narrows
it to one tenant's keys, and to the objects whose names begin with the tenant. `ForAllValues` holds
for a request without any key too, so `Null` pairs with it; `Scan`, which names no key, and listing
a bucket are not allowed at all.

Where a tenant has an AWS account of its own, TenantDataRole is the one role that the account's role
trusts, with an external id that the platform made: a session of TenantDataRole that can do no more
reads it and enters, and the session over there has the same literal policy.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tenantry.errors import UnknownRouteError
from tenantry.persistence.keys import organization_pk, part
from tenantry.runtime.services import reached

if TYPE_CHECKING:
    from types_boto3_ssm.client import SSMClient
    from types_boto3_sts.client import STSClient

LIFETIME = timedelta(hours=1)
"""The longest a session may last when a role assumes another (role chaining)."""
LONGEST_LINK = timedelta(minutes=15)
"""What is signed under a session, such as a link, dies with it, however long it says it lasts."""
MARGIN = LONGEST_LINK + timedelta(minutes=1)
"""Before its end a session signs nothing any more: what it signed last lasts as long as it says."""
BOUND = 256

READ = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
WRITE = (
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:ConditionCheckItem",
)
READ_OBJECTS = ("s3:GetObject",)
WRITE_OBJECTS = ("s3:PutObject", "s3:AbortMultipartUpload")
KEEP_OBJECTS = ("s3:PutObjectTagging", "s3:DeleteObject", "s3:DeleteObjectVersion")


_KEY_OF_THE_TABLES = {
    "Effect": "Allow",
    "Action": ["kms:Decrypt", "kms:DescribeKey"],
    "Resource": "*",
    "Condition": {"StringLike": {"kms:ViaService": "dynamodb.*.amazonaws.com"}},
}
"""A table with a key of the account's own is read in the caller's name, so a session that does not
allow it would be refused; only through DynamoDB, so it opens no data by itself. The key's policy
says which keys these are."""
_KEY_OF_THE_BUCKETS = {
    "Effect": "Allow",
    "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
    "Resource": "*",
    "Condition": {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}},
}
"""The same of buckets; an upload in parts is decrypted when it is put together."""
_KEY_OF_THE_SECRETS = {
    "Effect": "Allow",
    "Action": "kms:Decrypt",
    "Resource": "*",
    "Condition": {"StringLike": {"kms:ViaService": "ssm.*.amazonaws.com"}},
}
"""The same of parameters that are kept encrypted."""


@dataclass(frozen=True)
class DataScope:
    """What a handler does with tenants' data: which tables and buckets, and whether it writes.

    A table that is only read beside others that are written stands in `read_only_table_arns`.
    """

    table_arns: tuple[str, ...]
    writes: bool = False
    bucket_arns: tuple[str, ...] = ()
    """Buckets whose objects are named `<tenant_id>/...`."""
    writes_objects: bool = False
    keeps_objects: bool = False
    """Whether it tags and deletes them too."""
    reads_objects: bool = True
    """False for who lists them alone, and writes none."""
    read_only_table_arns: tuple[str, ...] = ()
    lists_objects: bool = False
    lists_versions: bool = False
    wrapping_key_arns: tuple[str, ...] = ()
    """Keys that wrap the tenants' own, each of which is bound to its tenant by its context."""

    def policy(self, tenant_id: str) -> str:
        """The literal session policy for `tenant_id`, as JSON."""
        own = organization_pk(tenant_id)
        statements: list[dict[str, Any]] = []
        if self.table_arns:
            actions = (*READ, *(WRITE if self.writes else ()))
            statements.append(_items(actions, self.table_arns, own))
        if self.read_only_table_arns:
            statements.append(_items(READ, self.read_only_table_arns, own))
        if statements:
            statements.append(_KEY_OF_THE_TABLES)
        if self.bucket_arns:
            objects = {
                "Effect": "Allow",
                "Action": [
                    *READ_OBJECTS,
                    *(WRITE_OBJECTS if self.writes_objects else ()),
                    *(KEEP_OBJECTS if self.keeps_objects else ()),
                ],
                "Resource": [f"{bucket}/{part(tenant_id)}/*" for bucket in self.bucket_arns],
            }
            if self.reads_objects:
                statements += [objects, _KEY_OF_THE_BUCKETS]
            listed = ["s3:ListBucket"] * self.lists_objects
            listed += ["s3:ListBucketVersions"] * self.lists_versions
            if listed:
                statements.append(_listing(listed, self.bucket_arns, part(tenant_id)))
        if self.wrapping_key_arns:
            statements.append(
                {
                    "Effect": "Allow",
                    "Action": "kms:Decrypt",
                    "Resource": list(self.wrapping_key_arns),
                    "Condition": {"StringEquals": {"kms:EncryptionContext:tenant_id": tenant_id}},
                }
            )
        return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


def _items(actions: tuple[str, ...], table_arns: tuple[str, ...], own: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": [arn for table in table_arns for arn in (table, f"{table}/index/*")],
        "Condition": {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [own, f"{own}#*"]},
            "Null": {"dynamodb:LeadingKeys": "false"},
        },
    }


def _listing(actions: list[str], bucket_arns: tuple[str, ...], tenant_id: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": actions[0] if len(actions) == 1 else actions,
        "Resource": list(bucket_arns),
        "Condition": {"StringLike": {"s3:prefix": f"{tenant_id}/*"}},
    }


@dataclass(frozen=True)
class Abroad:
    """The way into an AWS account of the tenant's own.

    `secret` is the parameter, here, that holds the external id: a route tells its name alone.
    """

    role_arn: str
    secret: str

    def policy(self) -> str:
        """The literal policy of the session that enters: it reads this one parameter, and leaves
        by this one door."""
        parameter = f"arn:{self.role_arn.split(':')[1]}:ssm:*:*:parameter{self.secret}"
        return json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": self.role_arn},
                    {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": parameter},
                    _KEY_OF_THE_SECRETS,
                ],
            },
            separators=(",", ":"),
        )


@dataclass(frozen=True)
class Doorway:
    """Clients of the session that enters an account of a tenant's own."""

    sts: "STSClient"
    ssm: "SSMClient"


type SessionKeys = dict[str, str]
"""The credentials of a session, as boto3 takes them."""


type _Key = tuple[str, DataScope, Abroad | None]
_SHUT = frozenset({"AccessDenied", "AccessDeniedException", "ParameterNotFound"})
_STS = "The service that gives credentials"


def _nothing(_tenant_id: str) -> str:
    """The policy of a session that is only tried."""
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@dataclass(frozen=True)
class _Cached:
    client: Any
    until: datetime


@dataclass
class TenantSessions:
    """Clients under a tenant's own credentials, kept until shortly before these expire.

    At most BOUND tenants are kept; the one unused longest goes first.
    """

    sts: "STSClient"
    role_arn: str
    scope: DataScope
    now: Callable[[], datetime]
    connect: Callable[[SessionKeys], Any]
    """Makes a client, or the clients that are needed together, of a session's credentials."""
    doorway: Callable[[SessionKeys], Doorway] | None = None
    """Makes the clients that enter an account of a tenant's own."""
    _clients: "OrderedDict[_Key, _Cached]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(
        self, tenant_id: str, scope: DataScope | None = None, abroad: Abroad | None = None
    ) -> Any:
        """What `connect` makes: it reaches the data of `tenant_id` only, in `scope` or the usual.

        A tenant whose data moves has another scope, and so another client. UnknownRouteError when
        the account of the tenant's own lets nobody in.
        """
        now, key = self.now(), (tenant_id, scope or self.scope, abroad)
        with self._lock:
            cached = self._clients.get(key)
            if cached and cached.until > now:
                self._clients.move_to_end(key)
                return cached.client
        made = self._made(*key)
        with self._lock:
            self._clients[key] = made
            self._clients.move_to_end(key)
            while len(self._clients) > BOUND:
                self._clients.popitem(last=False)
        return made.client

    def enters(self, tenant_id: str, abroad: Abroad) -> bool:
        """Whether the tenant's own account lets us in as it should."""
        try:
            with reached(_STS):
                self._let_in(self._at_the_door(tenant_id, abroad), tenant_id, abroad, _nothing)
        except UnknownRouteError:
            return False
        return True

    def opens(self, tenant_id: str, abroad: Abroad, external_id: str | None) -> bool:
        """Whether it lets us in with this external id, or without one."""
        given = {"ExternalId": external_id} if external_id else {}
        with reached(_STS):
            door = self._at_the_door(tenant_id, abroad)
            try:
                self._assumed(door.sts, abroad.role_arn, tenant_id, _nothing, **given)
            except ClientError as error:
                if error.response["Error"]["Code"] in _SHUT:
                    return False
                raise
        return True

    def _made(self, tenant_id: str, scope: DataScope, abroad: Abroad | None) -> _Cached:
        with reached(_STS):
            if abroad is None:
                keys, until = self._assumed(self.sts, self.role_arn, tenant_id, scope.policy)
            else:
                door = self._at_the_door(tenant_id, abroad)
                keys, until = self._let_in(door, tenant_id, abroad, scope.policy)
        return _Cached(self.connect(keys), until - MARGIN)

    def _at_the_door(self, tenant_id: str, abroad: Abroad) -> Doorway:
        if self.doorway is None:
            raise LookupError("this function enters no accounts of tenants' own")
        policy = abroad.policy()
        keys, _ = self._assumed(self.sts, self.role_arn, tenant_id, lambda _tenant_id: policy)
        return self.doorway(keys)

    def _let_in(
        self, door: Doorway, tenant_id: str, abroad: Abroad, policy: Callable[[str], str]
    ) -> tuple[SessionKeys, datetime]:
        """Credentials over there. The external id is read anew each time and kept nowhere."""
        try:
            found = door.ssm.get_parameter(Name=abroad.secret, WithDecryption=True)
            external = found["Parameter"]["Value"]
            return self._assumed(door.sts, abroad.role_arn, tenant_id, policy, ExternalId=external)
        except ClientError as error:
            if error.response["Error"]["Code"] in _SHUT:
                raise UnknownRouteError(
                    "The organisation's own AWS account lets nobody in."
                ) from error
            raise

    def _assumed(
        self,
        sts: "STSClient",
        role_arn: str,
        tenant_id: str,
        policy: Callable[[str], str],
        **external: str,
    ) -> tuple[SessionKeys, datetime]:
        session = sts.assume_role(
            RoleArn=role_arn,
            RoleSessionName=f"tenant-{tenant_id.replace(':', '-')}"[:64],
            DurationSeconds=int(LIFETIME.total_seconds()),
            Policy=policy(tenant_id),
            **external,  # type: ignore[arg-type]  # ExternalId alone, a text
        )["Credentials"]
        keys = {
            "aws_access_key_id": session["AccessKeyId"],
            "aws_secret_access_key": session["SecretAccessKey"],
            "aws_session_token": session["SessionToken"],
        }
        return keys, session["Expiration"]
