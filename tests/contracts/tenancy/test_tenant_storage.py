"""A tenant's objects, in memory and in S3, in the shared buckets and in ones of its own."""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from tenantry.errors import InvalidInputError, NotFoundError
from tenantry.tenancy.router import TenantRouter, Whereabouts
from tenantry.tenancy.s3 import S3TenantStorage
from tenantry.tenancy.storage import MOST_BYTES, TenantStorage, key_of
from tenantry.tenancy.stored import Area
from tests.support.fakes.storage import FakeTenantStorage
from tests.support.ministack import MiniStack

RAW, PROCESSED = Area.RAW, Area.PROCESSED
MINUTE = timedelta(minutes=1)
SHARED = Whereabouts("acme", "public", "t", "shared-raw", "shared-made", "eu-central-1", 1)
OWN = replace(SHARED, kind="private", raw="own-raw", processed="own-made", epoch=2)

type Storages = Callable[[Whereabouts], TenantStorage]


@pytest.fixture(params=["fake", "s3"])
def storage_at(request: pytest.FixtureRequest) -> Storages:
    """The storage of a place; all of them share their buckets."""
    if request.param == "fake":
        objects: dict[tuple[str, str], bytes] = {}
        return lambda place: FakeTenantStorage(place, objects)
    request.getfixturevalue("moto")
    s3 = boto3.client("s3")
    for place in (SHARED, OWN):
        for bucket in (place.raw, place.processed):
            s3.create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
            )
    return lambda place: S3TenantStorage(lambda _place: s3, place)


@pytest.fixture(params=[SHARED, OWN], ids=["shared", "own"])
def storage(request: pytest.FixtureRequest, storage_at: Storages) -> TenantStorage:
    return storage_at(request.param)


def test_what_is_saved_is_read_back(storage: TenantStorage) -> None:
    storage.save(RAW, "docs/1.txt", b"one", "text/plain")

    assert storage.read(RAW, "docs/1.txt") == b"one"
    found = storage.find(RAW, "docs/1.txt")
    assert found is not None
    assert (found.name, found.size) == ("docs/1.txt", 3)


def test_areas_are_apart(storage: TenantStorage) -> None:
    storage.save(RAW, "1.txt", b"raw", "text/plain")
    assert storage.find(PROCESSED, "1.txt") is None


def test_what_is_not_there_is_said_so(storage: TenantStorage) -> None:
    assert storage.find(RAW, "none") is None
    with pytest.raises(NotFoundError):
        storage.read(RAW, "none")
    with pytest.raises(NotFoundError):
        storage.copy((RAW, "none"), (RAW, "other"))
    storage.delete(RAW, "none")


def test_a_list_comes_in_pages_in_the_order_of_names(storage: TenantStorage) -> None:
    for name in ("a/3", "a/1", "b/1", "a/2"):
        storage.save(RAW, name, b"x", "text/plain")

    first = storage.list(RAW, "a/", limit=2)
    second = storage.list(RAW, "a/", limit=2, after=first.next_name)

    assert [each.name for each in (*first.items, *second.items)] == ["a/1", "a/2", "a/3"]
    assert (first.next_name, second.next_name) == ("a/2", None)
    assert [each.name for each in storage.list(RAW).items] == ["a/1", "a/2", "a/3", "b/1"]


def test_what_is_copied_stays_and_what_is_deleted_goes(storage: TenantStorage) -> None:
    storage.save(RAW, "1.txt", b"one", "text/plain")
    storage.copy((RAW, "1.txt"), (PROCESSED, "made/1.txt"))
    storage.delete(RAW, "1.txt")

    assert storage.read(PROCESSED, "made/1.txt") == b"one"
    assert storage.find(RAW, "1.txt") is None


def test_tenants_of_one_bucket_do_not_see_each_other(storage_at: Storages) -> None:
    acme, longer = storage_at(SHARED), storage_at(replace(SHARED, tenant_id="acme2"))
    acme.save(RAW, "1.txt", b"acme", "text/plain")
    longer.save(RAW, "1.txt", b"acme2", "text/plain")

    assert acme.read(RAW, "1.txt") == b"acme"
    assert [each.name for each in acme.list(RAW).items] == ["1.txt"]


@pytest.mark.parametrize(
    "name",
    [
        *("", "/x", "../umbrella/x", "a/../../umbrella/x", "a//b", "a/", ".", "a/./b"),
        *("a\nb", "a\\b", "x" * 901, "a?b", "a#b", "a%2e"),
    ],
)
def test_a_name_that_could_leave_the_tenants_prefix_is_refused(
    storage: TenantStorage, name: str
) -> None:
    for act in (
        lambda: storage.save(RAW, name, b"x", "text/plain"),
        lambda: storage.read(RAW, name),
        lambda: storage.find(RAW, name),
        lambda: storage.delete(RAW, name),
        lambda: storage.copy((RAW, name), (RAW, "x")),
        lambda: storage.copy((RAW, "x"), (RAW, name)),
        lambda: storage.presign_get(RAW, name, MINUTE),
        lambda: storage.presign_post(RAW, name, "text/plain", 1, MINUTE),
    ):
        with pytest.raises(InvalidInputError):
            act()


@pytest.mark.parametrize("prefix", ["/", "../", "a/../"])
def test_a_prefix_that_could_leave_it_is_refused(storage: TenantStorage, prefix: str) -> None:
    with pytest.raises(InvalidInputError):
        storage.list(RAW, prefix)


def test_links_last_so_long_and_no_longer(storage: TenantStorage) -> None:
    for lasts in (timedelta(0), timedelta(hours=1)):
        with pytest.raises(InvalidInputError):
            storage.presign_get(RAW, "1.txt", lasts)
        with pytest.raises(InvalidInputError):
            storage.presign_post(RAW, "1.txt", "text/plain", 1, lasts)
    for most in (0, MOST_BYTES + 1):
        with pytest.raises(InvalidInputError):
            storage.presign_post(RAW, "1.txt", "text/plain", most, MINUTE)


def test_an_object_carries_its_tenant(moto: None) -> None:
    s3 = boto3.client("s3")
    for bucket in (SHARED.raw, SHARED.processed):
        s3.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
    storage = S3TenantStorage(lambda _place: s3, SHARED)
    storage.save(RAW, "1.txt", b"one", "text/plain")
    storage.copy((RAW, "1.txt"), (PROCESSED, "1.txt"))

    for bucket in (SHARED.raw, SHARED.processed):
        tags = s3.get_object_tagging(Bucket=bucket, Key="acme/1.txt")["TagSet"]
        assert tags == [{"Key": "tenant-id", "Value": "acme"}]


# under the tenant's session, with IAM enforced


@pytest.fixture
def sessions(ministack: MiniStack) -> Callable[[Whereabouts], TenantStorage]:
    """Storages as the product connects them: a role that may do much, a session that may not."""
    iam, sts, s3 = (ministack.client(name) for name in ("iam", "sts", "s3"))
    suffix = uuid.uuid4().hex[:8]
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    all_ = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    role = iam.create_role(
        RoleName=f"storage-{suffix}", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]})
    )["Role"]
    iam.put_role_policy(
        RoleName=f"storage-{suffix}",
        PolicyName="all",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [all_]}),
    )
    for kind in ("raw", "made"):
        s3.create_bucket(
            Bucket=f"{kind}-{suffix}",
            CreateBucketConfiguration={"LocationConstraint": ministack.region},
        )
    router = TenantRouter(
        table="t",
        raw=f"raw-{suffix}",
        processed=f"made-{suffix}",
        region=ministack.region,
        own="o",
        arn=lambda kind, name: f"arn:aws:{'s3' if kind == 'bucket' else 'dynamodb'}:::{name}",
    )

    def connect(place: Whereabouts) -> Any:
        got = sts.assume_role(
            RoleArn=role["Arn"],
            RoleSessionName="tenant",
            Policy=router.scope(place, writes=True).policy("acme"),
        )["Credentials"]
        return ministack.client(
            "s3",
            {
                "aws_access_key_id": got["AccessKeyId"],
                "aws_secret_access_key": got["SecretAccessKey"],
                "aws_session_token": got["SessionToken"],
            },
        )

    def at(place: Whereabouts) -> TenantStorage:
        own = replace(place, raw=f"raw-{suffix}", processed=f"made-{suffix}")
        return S3TenantStorage(connect, own)

    return at


def test_the_session_does_all_of_its_own(sessions: Storages) -> None:
    own = sessions(SHARED)
    own.save(RAW, "1.txt", b"one", "text/plain")
    own.copy((RAW, "1.txt"), (PROCESSED, "1.txt"))

    assert own.read(PROCESSED, "1.txt") == b"one"
    assert [each.name for each in own.list(RAW).items] == ["1.txt"]
    link = own.presign_get(RAW, "1.txt", MINUTE, "größe.txt")
    assert requests.get(link, timeout=10).content == b"one"
    own.delete(RAW, "1.txt")
    assert own.find(RAW, "1.txt") is None
    with pytest.raises(NotFoundError):
        own.read(RAW, "1.txt")


def test_the_session_does_nothing_of_another_tenants(sessions: Storages) -> None:
    """The same session's client, with a storage that asks for the other tenant's keys."""
    other = sessions(replace(SHARED, tenant_id="umbrella"))
    for act in (
        lambda: other.save(RAW, "1.txt", b"x", "text/plain"),
        lambda: other.read(RAW, "1.txt"),
        lambda: other.list(RAW),
        lambda: other.copy((RAW, "1.txt"), (RAW, "2.txt")),
        lambda: other.delete(RAW, "1.txt"),
    ):
        with pytest.raises(ClientError) as refused:
            act()
        assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_a_form_takes_what_it_was_made_for(sessions: Storages) -> None:
    own = sessions(SHARED)
    form = own.presign_post(RAW, "up/1.txt", "text/plain", 5, MINUTE)

    sent = requests.post(form.url, data=form.fields, files={"file": b"12345"}, timeout=10)

    assert sent.status_code in (200, 201, 204), sent.text
    assert own.read(RAW, "up/1.txt") == b"12345"


@pytest.mark.parametrize(
    "change",
    [
        {"key": "umbrella/up/1.txt"},
        {"key": "acme/up/2.txt"},
        {"Content-Type": "text/html"},
        {"tagging": "<Tagging></Tagging>"},
        {"file": "123456"},
        {"file": ""},
    ],
)
def test_a_form_takes_nothing_else(sessions: Storages, change: dict[str, str]) -> None:
    form = sessions(SHARED).presign_post(RAW, "up/1.txt", "text/plain", 5, MINUTE)
    data = {**form.fields, **change}
    content = data.pop("file", "12345").encode()

    sent = requests.post(form.url, data=data, files={"file": content}, timeout=10)

    assert sent.status_code in (400, 403), sent.text


def test_a_key_is_the_tenants_prefix_and_the_name() -> None:
    assert key_of(SHARED, "docs/1.txt") == "acme/docs/1.txt"
