"""The tables, as the template makes them (a test holds the two equal), on any DynamoDB."""

import uuid
from collections.abc import Callable
from typing import Any, Literal

from tenantry.persistence.table import Table
from tenantry.tenancy.router import PUBLIC, Whereabouts
from tenantry.tenancy.tenant_table import TenantTable
from tests.support.clock import no_sleep
from tests.support.quicker_moto import quicken

type Kind = Literal["platform", "tenant", "audit", "legacy"]

PROJECTED = (
    "entity_type",
    "entity_id",
    "tenant_id",
    "name",
    "slug",
    "role",
    "status",
    "plan",
    "created_at",
    "updated_at",
    "expires_at",
    "entity_version",
)
"""What the indexes of the platform and tenant tables carry; never `events`."""

_INDEXES = ("GSI1", "GSI2", "GSI3")


def definition(kind: Kind, name: str) -> dict[str, Any]:
    """CreateTable's parameters for a table of this kind."""
    if kind == "legacy":
        return {
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "email", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "email", "AttributeType": "S"}],
        }
    keys = ["PK", "SK", *(f"{index}{key}" for index in _INDEXES for key in ("PK", "SK"))]
    projection: dict[str, Any] = {"ProjectionType": "ALL"}
    if kind != "audit":
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(PROJECTED)}
    parameters: dict[str, Any] = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _schema("PK", "SK"),
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index,
                "KeySchema": _schema(f"{index}PK", f"{index}SK"),
                "Projection": projection,
            }
            for index in _INDEXES
        ],
    }
    if kind != "audit":
        parameters["StreamSpecification"] = {
            "StreamEnabled": True,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
    return parameters


def create_table(client: Any, kind: Kind, name: str | None = None) -> str:
    """Make a table of this kind, by default under a name of its own; answers its name."""
    quicken()
    name = name or f"{kind}-{uuid.uuid4().hex[:12]}"
    client.create_table(**definition(kind, name))
    return name


def fresh_table(client: Any, kind: Kind) -> Table:
    """A new, empty table as the adapters use it, which does not wait between its attempts."""
    return Table(client, create_table(client, kind), sleep=no_sleep)


def items(client: Any, name: str) -> list[dict[str, Any]]:
    """Everything in a table, in DynamoDB's form, ordered by its keys."""
    pages = client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    found = [item for page in pages for item in page["Items"]]
    return sorted(found, key=lambda item: (item["PK"]["S"], item["SK"]["S"]))


def _schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


def in_shared(table: Table) -> Callable[[str], TenantTable]:
    """A tenant's table as the router finds it for an organisation that has none of its own."""

    def of(tenant_id: str) -> TenantTable:
        return TenantTable(table, Whereabouts(tenant_id, PUBLIC, table.name, "", "", "", 1))

    return of
