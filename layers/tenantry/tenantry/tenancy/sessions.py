"""Credentials that reach one tenant's data and no other's.

Handlers of tenant data may only assume TenantDataRole; the session's literal inline policy narrows
it to one tenant's keys, and to the objects whose names begin with the tenant. `ForAllValues` holds
for a request without any key too, so `Null` pairs with it; `Scan`, which names no key, and listing
a bucket are not allowed at all.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tenantry.persistence.keys import organization_pk, part
from tenantry.runtime.services import reached

if TYPE_CHECKING:
    from types_boto3_sts.client import STSClient

LIFETIME = timedelta(hours=1)
"""The longest a session may last when a role assumes another (role chaining)."""
MARGIN = timedelta(minutes=5)
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
    read_only_table_arns: tuple[str, ...] = ()
    lists_objects: bool = False
    lists_versions: bool = False
    wrapping_key_arns: tuple[str, ...] = ()
    """Keys that wrap the tenants' own, each of which is bound to its tenant by its context."""

    def policy(self, tenant_id: str) -> str:
        """The literal session policy for `tenant_id`, as JSON."""
        own = organization_pk(tenant_id)
        statements: list[dict[str, Any]] = [
            _items((*READ, *(WRITE if self.writes else ())), self.table_arns, own)
        ]
        if self.read_only_table_arns:
            statements.append(_items(READ, self.read_only_table_arns, own))
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
    connect: Callable[[dict[str, str]], Any]
    """Makes a client, or the clients that are needed together, of a session's credentials."""
    _clients: "OrderedDict[tuple[str, DataScope], _Cached]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, tenant_id: str, scope: DataScope | None = None) -> Any:
        """What `connect` makes: it reaches the data of `tenant_id` only, in `scope` or the usual.

        A tenant whose data moves has another scope, and so another client.
        """
        now, key = self.now(), (tenant_id, scope or self.scope)
        with self._lock:
            cached = self._clients.get(key)
            if cached and cached.until > now:
                self._clients.move_to_end(key)
                return cached.client
        made = self._assume(*key)
        with self._lock:
            self._clients[key] = made
            self._clients.move_to_end(key)
            while len(self._clients) > BOUND:
                self._clients.popitem(last=False)
        return made.client

    def _assume(self, tenant_id: str, scope: DataScope) -> _Cached:
        with reached("The service that gives credentials"):
            session = self.sts.assume_role(
                RoleArn=self.role_arn,
                RoleSessionName=f"tenant-{tenant_id.replace(':', '-')}"[:64],
                DurationSeconds=int(LIFETIME.total_seconds()),
                Policy=scope.policy(tenant_id),
            )["Credentials"]
        client = self.connect(
            {
                "aws_access_key_id": session["AccessKeyId"],
                "aws_secret_access_key": session["SecretAccessKey"],
                "aws_session_token": session["SessionToken"],
            }
        )
        return _Cached(client, session["Expiration"] - MARGIN)
