"""Goal 4: a tenant's own credentials, per request."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from bench.events import ENVIRONMENT, ITEMS, ORG
from bench.figures import Bound, Figure, Goal, Tick, interleaved, mean_microseconds
from bench.stub import running
from localcloud.place import REGION
from tenantry.runtime.identifiers import now
from tenantry.tenancy.sessions import DataScope, TenantSessions

_KEY = {name: ITEMS[0][name] for name in ("PK", "SK")}
_TABLE = ENVIRONMENT["TENANT_TABLE"]
_ROLE = ENVIRONMENT["TENANT_DATA_ROLE_ARN"]
_TENANTS = 100


def credentials(build: Path, bound: Bound, tick: Tick) -> Iterator[Figure]:  # noqa: ARG001 - one shape
    """A session kept per tenant against one per request, and against one client for all."""
    with running() as endpoint:
        boto: Any = boto3  # its types know no arguments given together
        where: dict[str, Any] = {"endpoint_url": endpoint, "region_name": REGION}
        given = {"aws_access_key_id": "a", "aws_secret_access_key": "s"}
        sts = boto.client("sts", **where, **given)
        scope = DataScope((f"arn:aws:dynamodb:{REGION}:000000000000:table/{_TABLE}",))
        sessions = TenantSessions(
            sts=sts,
            role_arn=_ROLE,
            scope=scope,
            now=now,
            connect=lambda found: boto.client("dynamodb", **where, **found),
        )
        tenants = [f"{ORG[:-3]}{number:03}" for number in range(_TENANTS)]
        for tenant in tenants:
            sessions.client(tenant)
        turn = iter(tenants * 1_000_000)
        shared = boto.client("dynamodb", **where, **given, config=Config(max_pool_connections=1))

        def per_request() -> Any:
            """What is done without a cache: a role assumed, a session and a client made of it."""
            found = sts.assume_role(
                RoleArn=_ROLE,
                RoleSessionName="tenant",
                DurationSeconds=int(timedelta(hours=1).total_seconds()),
                Policy=scope.policy(ORG),
            )["Credentials"]
            session: Any = boto.Session(
                found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]
            )
            return session.client("dynamodb", **where)

        def reading(client: Callable[[], Any], times: int) -> Callable[[], float]:
            def read() -> None:
                client().get_item(TableName=_TABLE, Key=_KEY, ConsistentRead=True)

            return lambda: mean_microseconds(read, times)

        measured = interleaved(
            {
                "kept per tenant": reading(lambda: sessions.client(next(turn)), 1000),
                "one shared client": reading(lambda: shared, 1000),
                "assumed per request": reading(per_request, 15),
            },
            bound,
            tick,
            "credentials with a GetItem",
        )
        yield Figure(
            "tenant credentials and a GetItem",
            "µs",
            measured["kept per tenant"],
            measured["assumed per request"],
            "AssumeRole and a new client per request",
            Goal(50, least=True),
        )
        yield Figure(
            "tenant credentials and a GetItem, overhead",
            "µs",
            measured["kept per tenant"],
            measured["one shared client"],
            "one shared client",
            Goal(1.1, least=False),
            inverse=True,
        )
        alone = interleaved(
            {
                "kept per tenant": lambda: mean_microseconds(
                    lambda: sessions.client(next(turn)), 20_000
                ),
                "assumed per request": lambda: mean_microseconds(per_request, 15),
            },
            bound,
            tick,
            "credentials alone",
        )
        yield Figure(
            "tenant credentials alone",
            "µs",
            alone["kept per tenant"],
            alone["assumed per request"],
            "AssumeRole and a new client per request",
            Goal(50, least=True),
        )
