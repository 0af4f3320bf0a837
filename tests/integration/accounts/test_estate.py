"""What there is of an account, and its deletion, on the local cloud: nobody else loses a byte."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tenantry.accounts.estate import AwsEstate
from tenantry.accounts.model import Account, Names
from tenantry.accounts.provisioning import Shared
from tenantry.persistence.table import Table
from tests.support.accounts import account
from tests.support.ministack import MiniStack
from tests.support.tables import items

TREE = Names("tenantry", "a-1").tree


class Place:
    """A shared table and two buckets with versions, where two tenants live."""

    def __init__(self, cloud: MiniStack, table: Table) -> None:
        self.cloud, self.table = cloud, table
        self.s3, self.ssm = cloud.client("s3"), cloud.client("ssm")
        self.buckets = [f"estate-{table.name[-8:].lower()}-{kind}" for kind in ("raw", "processed")]
        for name in self.buckets:
            self.s3.create_bucket(
                Bucket=name, CreateBucketConfiguration={"LocationConstraint": cloud.region}
            )
            self.s3.put_bucket_versioning(
                Bucket=name, VersioningConfiguration={"Status": "Enabled"}
            )
        dynamodb = cloud.client("dynamodb")
        own = SimpleNamespace(dynamodb=dynamodb, s3=self.s3)
        self.estate = AwsEstate(
            "tenantry",
            Shared(table.name, *self.buckets),
            lambda _place: own,
            ssm=self.ssm,
            cloudformation=cloud.client("cloudformation"),
            dynamodb=dynamodb,
            s3=self.s3,
            tags=cloud.client("resourcegroupstaggingapi"),
            kms=cloud.client("kms"),
        )

    def fill(self, tenant_id: str, count: int) -> None:
        for n in range(count):
            self.table.put({"PK": f"ORG#{tenant_id}", "SK": f"THING#{n:04}", "is": f"{n}"})
        for bucket in self.buckets:
            for body in (b"one", b"two"):
                self.s3.put_object(Bucket=bucket, Key=f"{tenant_id}/file", Body=body)
            self.s3.delete_object(Bucket=bucket, Key=f"{tenant_id}/file")

    def of(self, tenant_id: str) -> Any:
        """All that a tenant has, to the byte."""
        rows = [
            row
            for row in items(self.table._client, self.table.name)
            if row["PK"]["S"] == f"ORG#{tenant_id}"
        ]
        objects = []
        for bucket in self.buckets:
            page = self.s3.list_object_versions(Bucket=bucket, Prefix=f"{tenant_id}/")
            for each in page.get("Versions", []):
                where = {"Bucket": bucket, "Key": each["Key"], "VersionId": each["VersionId"]}
                objects.append((where, self.s3.get_object(**where)["Body"].read()))
            objects += [each["VersionId"] for each in page.get("DeleteMarkers", [])]
        return sorted(rows, key=lambda row: str(row["SK"])), objects


@pytest.fixture
def place(ministack: MiniStack, ministack_tenant_table: Table) -> Iterator[Place]:
    made = Place(ministack, ministack_tenant_table)
    yield made
    for bucket in made.buckets:
        page = made.s3.list_object_versions(Bucket=bucket)
        for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            made.s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
        made.s3.delete_bucket(Bucket=bucket)


def purged(place: Place, its: Account) -> int:
    """How many calls it took until nothing is left."""
    for calls in range(1, 10):
        if place.estate.purge(its):
            return calls
    raise AssertionError("it does not end")


def test_a_purge_takes_all_of_one_tenant_and_nothing_of_another(place: Place) -> None:
    its = account("public")
    place.fill("acme", 1100)
    place.fill("acme-2", 3)  # whose keys begin like the other's
    place.ssm.put_parameter(Name=f"{TREE}/cloud-type", Value="public", Type="String")
    before = place.of("acme-2")
    found = place.estate.survey(its)
    assert (found.items, found.objects, found.parameters, found.resources) == (1100, 6, 1, ())
    assert found.item_bytes > 0
    assert found.object_bytes == 12

    assert purged(place, its) > 1
    assert place.estate.survey(its).is_empty
    assert place.of("acme") == ([], [])
    assert place.of("acme-2") == before
    assert purged(place, its) == 1  # what is gone is fine


def test_an_export_names_every_item_and_every_version(place: Place) -> None:
    place.fill("acme", 300)
    place.fill("acme-2", 3)
    lines: list[Any] = []
    after: str | None = None
    while True:
        listing = place.estate.export(account("public"), after)
        lines += listing.lines
        if (after := listing.next) is None:
            break

    assert [line["item"]["SK"] for line in lines if "item" in line] == [
        f"THING#{n:04}" for n in range(300)
    ]
    assert len([line for line in lines if line.get("key") == "acme/file"]) == 6
    assert len(lines) == 306


def test_what_is_not_counted_is_said(place: Place) -> None:
    place.fill("acme", 5)
    found = place.estate.survey(account("public"), most=4)

    assert (found.items, found.objects, found.is_whole) == (4, 4, False)


def _bucket(place: Place) -> Callable[[], Any]:
    name = f"{Names('tenantry', 'a-1').own}-leftover"
    place.s3.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": place.cloud.region}
    )
    return lambda: place.s3.delete_bucket(Bucket=name)


def _tagged_key(place: Place) -> Callable[[], Any]:
    """Known by its tag alone."""
    kms = place.cloud.client("kms")
    key = kms.create_key(Tags=[{"TagKey": "account-id", "TagValue": "a-1"}])["KeyMetadata"]
    return lambda: kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)


def _item(place: Place) -> Callable[[], Any]:
    place.table.put({"PK": "ORG#acme", "SK": "LATE"})
    return lambda: place.table.delete({"PK": "ORG#acme", "SK": "LATE"})


@pytest.mark.parametrize("plant", [_bucket, _tagged_key, _item])
def test_an_orphan_is_found_by_its_name_its_tag_or_its_key(
    place: Place, plant: Callable[[Place], Callable[[], Any]]
) -> None:
    its = account("public")
    assert place.estate.survey(its).is_empty
    clean = plant(place)

    assert not place.estate.survey(its).is_empty
    clean()
    assert place.estate.survey(its).is_empty
