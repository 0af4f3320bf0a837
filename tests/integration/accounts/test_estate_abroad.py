"""What there is in an AWS account of an organisation's own, on the local cloud: orphans are found,
and what its lock holds is told and never passed over."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tenantry.accounts.estate import NOT_LOOKED_AT, AwsEstate, Seeing
from tenantry.accounts.model import Account, CloudType, Inventory, Names
from tenantry.accounts.provisioning import Shared
from tenantry.errors import LeftoversError, UnknownRouteError
from tenantry.persistence.table import Table
from tests.integration.accounts.test_estate import Place
from tests.support.accounts import account
from tests.support.ministack import MiniStack


class Abroad:
    """A dedicated account, whose administrator and whose tenant see the same AWS account."""

    def __init__(self, place: Place) -> None:
        number = str(random.randrange(10**11, 10**12))
        self.cloud, self.keys = (
            place.cloud,
            {
                "aws_access_key_id": number,
                "aws_secret_access_key": "t",
            },
        )
        self.account = account("dedicated").model_copy(
            update={"aws_account_id": number, "cloud_type": CloudType.DEDICATED}
        )
        self.names = Names.of("tenantry", self.account)
        own = SimpleNamespace(dynamodb=self.client("dynamodb"), s3=self.client("s3"))
        here = SimpleNamespace(dynamodb=place.cloud.client("dynamodb"), s3=place.s3)
        self.estate = AwsEstate(
            "tenantry",
            Shared(place.table.name, *place.buckets[:2]),
            lambda where: own if where.abroad else here,
            ssm=place.ssm,
            dynamodb=here.dynamodb,
            platform=place.platform.name,
            exports=place.buckets[2],
            inside=self.seen,
        )

    def client(self, service: str) -> Any:
        return self.cloud.client(service, self.keys)

    def seen(self, _account: Account) -> Seeing:
        return Seeing(
            cloudformation=self.client("cloudformation"),
            dynamodb=self.client("dynamodb"),
            s3=self.client("s3"),
            tags=self.client("resourcegroupstaggingapi"),
            kms=self.client("kms"),
        )

    def bucket(self, name: str, **how: Any) -> None:
        region = {"LocationConstraint": self.cloud.region}
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=region, **how)


@pytest.fixture
def abroad(
    ministack: MiniStack, ministack_tenant_table: Table, ministack_platform_table: Table
) -> Abroad:
    return Abroad(Place(ministack, ministack_tenant_table, ministack_platform_table))


def _bucket(abroad: Abroad) -> tuple[str, Callable[[], Any]]:
    name = f"{abroad.names.own}-leftover"
    abroad.bucket(name)
    return f"bucket {name}", lambda: abroad.client("s3").delete_bucket(Bucket=name)


def _stack(abroad: Abroad) -> tuple[str, Callable[[], Any]]:
    body = '{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}'
    cloudformation = abroad.client("cloudformation")
    cloudformation.create_stack(StackName=abroad.names.own, TemplateBody=body)
    return (
        f"stack {abroad.names.own}",
        lambda: cloudformation.delete_stack(StackName=abroad.names.own),
    )


def _tagged_stack(abroad: Abroad) -> tuple[str, Callable[[], Any]]:
    """Known by its tag alone, which what it makes carries too: nobody knows what it is called."""
    body = '{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}'
    cloudformation = abroad.client("cloudformation")
    name = f"somebodys-{random.randrange(10**9)}"
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=body,
        Tags=[{"Key": "account-id", "Value": abroad.account.account_id}],
    )
    return name, lambda: cloudformation.delete_stack(StackName=name)


def _key(abroad: Abroad) -> tuple[str, Callable[[], Any]]:
    kms = abroad.client("kms")
    tags = [{"TagKey": "account-id", "TagValue": abroad.account.account_id}]
    key = kms.create_key(Tags=tags)["KeyMetadata"]
    return key["Arn"], lambda: kms.schedule_key_deletion(KeyId=key["KeyId"])


@pytest.mark.parametrize("plant", [_bucket, _stack, _tagged_stack, _key])
def test_an_orphan_in_an_account_of_ones_own_is_found(
    abroad: Abroad, plant: Callable[[Abroad], tuple[str, Callable[[], Any]]]
) -> None:
    assert abroad.estate.survey(abroad.account).is_empty
    found_as, clean = plant(abroad)

    assert any(found_as in each for each in abroad.estate.survey(abroad.account).resources)
    clean()
    assert abroad.estate.survey(abroad.account).resources == ()


def test_what_a_lock_holds_is_told_and_stays(abroad: Abroad) -> None:
    abroad.bucket(abroad.names.raw, ObjectLockEnabledForBucket=True)
    s3, until = abroad.client("s3"), datetime.now(UTC) + timedelta(days=2)
    s3.put_object(
        Bucket=abroad.names.raw,
        Key="acme/locked",
        Body=b"x",
        ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=until,
    )

    with pytest.raises(LeftoversError, match="cannot be deleted: AccessDenied"):
        abroad.estate.purge(abroad.account)
    assert s3.get_object(Bucket=abroad.names.raw, Key="acme/locked")["Body"].read() == b"x"


# one that lets nobody in


def shut(abroad: Abroad, place: Place, *, closed: bool) -> AwsEstate:
    """As the plan, an export and a purge see one that is closed already, or that only seems so."""
    here = SimpleNamespace(dynamodb=place.cloud.client("dynamodb"), s3=place.s3)

    def session(where: Any) -> Any:
        if where.abroad:
            raise UnknownRouteError("The organisation's own AWS account lets nobody in.")
        return here

    return AwsEstate(
        "tenantry",
        Shared(place.table.name, *place.buckets[:2]),
        session,
        ssm=place.ssm,
        dynamodb=here.dynamodb,
        platform=place.platform.name,
        exports=place.buckets[2],
        leaves_out=lambda its: closed and its == abroad.account,
    )


@pytest.fixture
def place(
    ministack: MiniStack, ministack_tenant_table: Table, ministack_platform_table: Table
) -> Place:
    return Place(ministack, ministack_tenant_table, ministack_platform_table)


def test_one_that_is_closed_already_is_left_out_and_that_is_told(place: Place) -> None:
    abroad = Abroad(place)
    estate = shut(abroad, place, closed=True)

    planned = estate.survey(abroad.account, 100)

    number = abroad.account.aws_account_id
    assert planned == Inventory(
        resources=(f"AWS account {number}: {NOT_LOOKED_AT}",), is_whole=False
    )
    assert exported(estate, abroad.account) == []
    assert estate.buckets(abroad.account) == tuple(place.buckets)
    assert estate.purge(abroad.account)


@pytest.mark.parametrize("what", ["survey", "export", "purge"])
def test_one_that_only_lets_nobody_in_is_not_passed_over(place: Place, what: str) -> None:
    abroad = Abroad(place)
    estate = shut(abroad, place, closed=False)

    ways: dict[str, Callable[[], Any]] = {
        "survey": lambda: estate.survey(abroad.account, 100),
        "export": lambda: exported(estate, abroad.account),
        "purge": lambda: estate.purge(abroad.account),
    }
    with pytest.raises(UnknownRouteError):
        ways[what]()


def exported(estate: AwsEstate, its: Account) -> list[Any]:
    after, lines = None, list[Any]()
    while True:
        listing = estate.export(its, after)
        lines += listing.lines
        after = listing.next
        if after is None:
            return lines
