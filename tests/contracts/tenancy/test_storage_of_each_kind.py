"""A tenant's objects of each kind of hosting, as a context gets them, with IAM enforced.

Shared buckets, buckets of the tenant's own with and without a table, and an AWS account of its own
that is entered with its external id: the same calls, the same answers, and nothing of anybody
else's.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from tenantry.errors import NotFoundError, OrganizationMovingError, UnknownRouteError
from tenantry.tenancy.bootstrap import storage
from tenantry.tenancy.router import Whereabouts
from tenantry.tenancy.s3 import S3TenantStorage
from tenantry.tenancy.sessions import LIFETIME, MARGIN
from tenantry.tenancy.stored import Area
from tests.support.clock import FakeClock
from tests.support.faults import recorded
from tests.support.invocations import forget, wire
from tests.support.ministack import MiniStack

RAW, PROCESSED = Area.RAW, Area.PROCESSED
ABROAD = "700000000007"
EXTERNAL_ID = "e" * 48


@dataclass(frozen=True)
class Standing:
    tenant_id: str
    route: dict[str, str] = field(default_factory=dict)
    route_epoch: int = 1


def statement(action: str, **rest: Any) -> str:
    allowed = {"Effect": "Allow", "Action": action, **rest}
    return json.dumps({"Version": "2012-10-17", "Statement": [allowed]})


@dataclass
class World:
    """A platform with TenantDataRole, and places of each kind for the tenant acme."""

    cloud: MiniStack
    prefix: str
    kind: str

    def client(self, service: str) -> Any:
        """Root of the account in which the objects lie."""
        if self.kind != "dedicated":
            return self.cloud.client(service)
        keys = {"aws_access_key_id": ABROAD, "aws_secret_access_key": "test"}
        return self.cloud.client(service, keys)

    @property
    def route(self) -> dict[str, str]:
        if self.kind == "public":
            return {}
        here = self.kind in ("private", "own-buckets")
        own = f"{self.prefix}-account-1" if here else f"{self.prefix}-acme"
        route = {
            **{"kind": self.kind, "state": "active", "region": self.cloud.region},
            **{"table": own, "raw": f"{own}-raw", "processed": f"{own}-processed"},
        }
        if self.kind == "own-buckets":
            del route["table"]
            route["kind"] = "public"
        if self.kind == "dedicated":
            route |= {
                "aws_account": ABROAD,
                "role": f"arn:aws:iam::{ABROAD}:role/{self.prefix}-platform",
                "secret": f"/{self.prefix}/accounts/a-1/external-id",
            }
        return route

    def set_up(self) -> str:
        """Answers the ARN of TenantDataRole."""
        raw, processed = f"{self.prefix}-shared-raw", f"{self.prefix}-shared-processed"
        for name in (self.route.get("raw", raw), self.route.get("processed", processed)):
            self.client("s3").create_bucket(
                Bucket=name, CreateBucketConfiguration={"LocationConstraint": self.cloud.region}
            )
        data = self._role(self.cloud.client("iam"), f"{self.prefix}-tenant-data", {"AWS": "*"}, {})
        if self.kind == "dedicated":
            asks = {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}
            self._role(self.client("iam"), f"{self.prefix}-platform", {"AWS": data}, asks)
            self.cloud.client("ssm").put_parameter(
                Name=self.route["secret"], Value=EXTERNAL_ID, Type="SecureString"
            )
        return data

    def storage(self, tenant_id: str = "acme", *, writes: bool = True, **route: str) -> Any:
        return storage.tenant_storage(Standing(tenant_id, {**self.route, **route}), writes=writes)

    @staticmethod
    def _role(iam: Any, name: str, who: dict[str, str], condition: dict[str, Any]) -> str:
        asked = {"Condition": condition} if condition else {}
        trust = statement("sts:AssumeRole", Principal=who, **asked)
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]
        iam.put_role_policy(
            RoleName=name, PolicyName="all", PolicyDocument=statement("*", Resource="*")
        )
        return str(role["Arn"])


@pytest.fixture(params=["public", "own-buckets", "private", "dedicated"])
def world(
    request: pytest.FixtureRequest, ministack: MiniStack, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    made = World(ministack, f"sto-{uuid.uuid4().hex[:6]}", request.param)
    for name, value in ministack.environment.items():
        monkeypatch.setenv(name, value)
    wire(
        monkeypatch,
        PREFIX=made.prefix,
        TENANT_TABLE="t",
        TENANT_RAW_BUCKET=f"{made.prefix}-shared-raw",
        TENANT_PROCESSED_BUCKET=f"{made.prefix}-shared-processed",
        TENANT_DATA_ROLE_ARN=made.set_up(),
    )
    yield made
    forget()


def test_objects_are_kept_read_listed_copied_and_deleted(world: World) -> None:
    own = world.storage()
    own.save(RAW, "docs/1.txt", b"one", "text/plain")
    own.copy((RAW, "docs/1.txt"), (PROCESSED, "made/1.txt"))

    assert own.read(PROCESSED, "made/1.txt") == b"one"
    assert [each.name for each in own.list(RAW, "docs/").items] == ["docs/1.txt"]
    own.delete(RAW, "docs/1.txt")
    assert own.find(RAW, "docs/1.txt") is None
    with pytest.raises(NotFoundError):
        own.read(RAW, "docs/1.txt")


def test_a_link_opens_an_object_where_it_lies(world: World) -> None:
    own = world.storage()
    own.save(RAW, "1.txt", b"12345", "text/plain")

    link = own.presign_get(RAW, "1.txt", timedelta(minutes=1), "one.txt")

    assert requests.get(link, timeout=10).content == b"12345"


def test_a_form_takes_an_object_to_where_it_lies(world: World) -> None:
    own = world.storage()
    form = own.presign_post(RAW, "up/1.txt", "text/plain", 5, timedelta(minutes=1))
    place = world.route.get("raw", f"{world.prefix}-shared-raw")
    assert place in form.url
    if world.kind == "dedicated":
        # MiniStack takes a form for its own account's, whoever signed it: it cannot be sent here.
        return

    sent = requests.post(form.url, data=form.fields, files={"file": b"12345"}, timeout=10)

    assert sent.status_code in (200, 201, 204), sent.text
    assert own.read(RAW, "up/1.txt") == b"12345"


def test_each_object_carries_its_tenant_and_lies_below_its_name(world: World) -> None:
    world.storage().save(RAW, "1.txt", b"one", "text/plain")

    bucket = world.route.get("raw", f"{world.prefix}-shared-raw")
    s3 = world.client("s3")
    (found,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert found["Key"] == "acme/1.txt"
    tags = s3.get_object_tagging(Bucket=bucket, Key="acme/1.txt")["TagSet"]
    assert tags == [{"Key": "tenant-id", "Value": "acme"}]


def test_its_session_reaches_nothing_of_another_tenants(world: World) -> None:
    """Acme's own session, with keys of another tenant's in the same buckets."""
    own = world.storage()
    place = own._place
    other = S3TenantStorage(own._connect, Whereabouts(**{**vars(place), "tenant_id": "umbrella"}))

    for act in (
        lambda: other.save(RAW, "1.txt", b"x", "text/plain"),
        lambda: other.read(RAW, "1.txt"),
        lambda: other.list(RAW),
        lambda: other.delete(RAW, "1.txt"),
    ):
        with pytest.raises(ClientError) as refused:
            act()
        assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_who_only_reads_may_not_write(world: World) -> None:
    world.storage().save(RAW, "1.txt", b"one", "text/plain")
    reader = world.storage(writes=False)

    assert reader.read(RAW, "1.txt") == b"one"
    with pytest.raises(ClientError) as refused:
        reader.save(RAW, "2.txt", b"x", "text/plain")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_while_it_moves_it_is_read_and_not_written(world: World) -> None:
    world.storage().save(RAW, "1.txt", b"one", "text/plain")

    assert world.storage(writes=False, state="moving").read(RAW, "1.txt") == b"one"
    with pytest.raises(OrganizationMovingError):
        world.storage(state="moving")


def test_credentials_are_made_once_and_renewed_before_they_expire(world: World) -> None:
    clock = FakeClock(datetime.now(UTC))
    storage._router().sessions.now = clock  # type: ignore[union-attr]  # it has them
    own = world.storage()
    with recorded() as calls:
        for number in range(3):
            own.save(RAW, f"{number}.txt", b"x", "text/plain")
    made = len(calls.of("AssumeRole"))
    assert made == (2 if world.kind == "dedicated" else 1)

    clock.advance(LIFETIME - MARGIN + timedelta(seconds=5))
    with recorded() as calls:
        own.save(RAW, "again.txt", b"x", "text/plain")

    assert len(calls.of("AssumeRole")) == made


def test_an_account_of_its_own_is_not_entered_with_another_word(world: World) -> None:
    if world.kind != "dedicated":
        return
    world.cloud.client("ssm").put_parameter(
        Name=world.route["secret"], Value="w" * 48, Type="SecureString", Overwrite=True
    )

    with pytest.raises(UnknownRouteError):
        world.storage().read(RAW, "1.txt")


def test_buckets_beside_the_shared_table_are_nobody_elses_to_reach(world: World) -> None:
    """A neighbour's session, which reaches the shared place, asks for acme's own bucket."""
    if world.kind != "own-buckets":
        return
    world.storage().save(RAW, "1.txt", b"one", "text/plain")
    neighbour = storage.tenant_storage(Standing("umbrella"), writes=True)
    theirs = S3TenantStorage(
        neighbour._connect,
        Whereabouts(**{**vars(neighbour._place), "raw": world.route["raw"]}),
    )
    # A session is made for its own place, whatever it is asked for.
    client = neighbour._connect(neighbour._place)
    for key in ("acme/1.txt", "umbrella/1.txt"):
        with pytest.raises(ClientError) as refused:
            client.put_object(Bucket=theirs._place.raw, Key=key, Body=b"x")
        assert refused.value.response["Error"]["Code"] == "AccessDenied"
