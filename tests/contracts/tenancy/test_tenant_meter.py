"""Counting what a tenant has stored, in S3 with its versions, under a session that lists alone."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tenantry.errors import UnknownRouteError
from tenantry.tenancy import s3 as adapter
from tenantry.tenancy.bootstrap import storage
from tenantry.tenancy.router import Whereabouts
from tenantry.tenancy.s3 import S3TenantMeter
from tenantry.tenancy.sessions import DataScope
from tenantry.tenancy.stored import Area, Stored, TenantMeter
from tests.contracts.tenancy.test_storage_of_each_kind import Standing, World, world
from tests.support.fakes.stored import FakeMeter

__all__ = ["world"]

RAW, PROCESSED = Area.RAW, Area.PROCESSED
PLACE = Whereabouts("acme", "public", "t", "shared-raw", "shared-made", "eu-central-1", 1)


def all_of(meter: TenantMeter, area: Area) -> Stored:
    found, position = Stored(), None
    while True:
        page, position = meter.page(area, position)
        found = found.plus(page)
        if position is None:
            return found


@pytest.fixture
def buckets(moto: None) -> Any:
    s3 = boto3.client("s3")
    for bucket in (PLACE.raw, PLACE.processed):
        s3.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return s3


@pytest.fixture(params=["fake", "s3"])
def meter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> TenantMeter:
    """Five objects of which one was replaced once, and one that was deleted; pages of two."""
    if request.param == "fake":
        # A mark of deletion is a version of no bytes.
        return FakeMeter({RAW: [20, 2, 3, 4, 5]}, {RAW: [1, 6, 0]})
    s3 = request.getfixturevalue("buckets")
    monkeypatch.setattr(adapter, "_COUNTED", 2)
    for number, size in enumerate((1, 2, 3, 4, 5, 6)):
        s3.put_object(Bucket=PLACE.raw, Key=f"acme/{number}", Body=b"x" * size)
    s3.put_object(Bucket=PLACE.raw, Key="acme/0", Body=b"x" * 20)
    s3.delete_object(Bucket=PLACE.raw, Key="acme/5")
    s3.put_object(Bucket=PLACE.raw, Key="acme2/0", Body=b"x" * 999)
    return S3TenantMeter(lambda: s3, PLACE)


def test_what_is_current_is_told_from_what_was_replaced_or_deleted(meter: TenantMeter) -> None:
    assert all_of(meter, RAW) == Stored(objects=5, bytes=34, old_versions=3, old_bytes=7)
    assert all_of(meter, PROCESSED) == Stored()


def test_a_bucket_that_is_not_there_is_told_from_an_empty_one(buckets: Any) -> None:
    gone = S3TenantMeter(lambda: buckets, replace(PLACE, raw="gone-raw"))
    with pytest.raises(UnknownRouteError):
        gone.page(RAW, None)


def test_another_place_has_another_name(buckets: Any) -> None:
    here, there = (
        S3TenantMeter(lambda: buckets, place) for place in (PLACE, replace(PLACE, raw="own-raw"))
    )
    assert here.place != there.place


def test_its_session_lists_one_tenants_versions_and_reads_nothing() -> None:
    scope = DataScope((), bucket_arns=("arn:b",), reads_objects=False, lists_versions=True)

    assert json.loads(scope.policy("acme"))["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "s3:ListBucketVersions",
            "Resource": ["arn:b"],
            "Condition": {"StringLike": {"s3:prefix": "acme/*"}},
        }
    ]


def test_objects_of_each_kind_of_hosting_are_counted_where_they_lie(world: World) -> None:
    own = world.storage()
    own.save(RAW, "a/1.txt", b"12345", "text/plain")
    own.save(PROCESSED, "2.txt", b"12", "text/plain")

    meter = storage.tenant_meter(Standing("acme", world.route))

    assert all_of(meter, RAW) == Stored(objects=1, bytes=5)
    assert all_of(meter, PROCESSED) == Stored(objects=1, bytes=2)


def test_its_session_counts_and_reads_nothing_of_another_tenants(world: World) -> None:
    """With IAM enforced, by the client that counts."""
    world.storage().save(RAW, "1.txt", b"12345", "text/plain")
    meter = storage.tenant_meter(Standing("acme", world.route))
    client: Any = meter._connect()
    bucket = meter._place.raw

    refusals: list[Callable[[], Any]] = [
        lambda: client.list_object_versions(Bucket=bucket, Prefix="umbrella/"),
        lambda: client.list_object_versions(Bucket=bucket),
        lambda: client.get_object(Bucket=bucket, Key="acme/1.txt"),
        lambda: client.put_object(Bucket=bucket, Key="acme/2.txt", Body=b"x"),
        lambda: client.delete_object(Bucket=bucket, Key="acme/1.txt"),
    ]
    for refused in refusals:
        with pytest.raises(ClientError) as error:
            refused()
        assert error.value.response["Error"]["Code"] == "AccessDenied"
