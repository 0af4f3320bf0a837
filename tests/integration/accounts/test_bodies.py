"""Copies of a tenant's objects in the archive, on the local cloud: the latest version of each."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tenantry.accounts.bodies import S3Bodies
from tenantry.accounts.model import Account
from tenantry.persistence.table import Table
from tests.integration.accounts.test_estate import Place
from tests.support.accounts import account
from tests.support.ministack import MiniStack

FOLDER = "exports/a-1/o-1/objects/"
PART = 5 * 1024**2
ACCOUNT = account("public")


@dataclass
class Archived:
    place: Place
    bucket: str

    def copier(self, **bounds: int) -> S3Bodies:
        return S3Bodies(self.place.estate, self.place.s3, self.bucket, part=PART, **bounds)

    def copied(self, copier: S3Bodies) -> tuple[int, int, int]:
        """All of it: objects and bytes, and in how many calls."""
        after, objects, size, calls = None, 0, 0, 0
        while True:
            done = copier.copy(ACCOUNT, FOLDER, after)
            objects, size, calls = objects + done.objects, size + done.bytes, calls + 1
            after = done.next
            if after is None:
                return objects, size, calls

    def found(self) -> dict[str, bytes]:
        listed = self.place.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {
            each["Key"].removeprefix(FOLDER): self.place.s3.get_object(
                Bucket=self.bucket, Key=each["Key"]
            )["Body"].read()
            for each in listed
        }


@pytest.fixture
def archived(
    ministack: MiniStack, ministack_tenant_table: Table, ministack_platform_table: Table
) -> Archived:
    place = Place(ministack, ministack_tenant_table, ministack_platform_table)
    bucket = place.buckets[0].replace("raw", "archive")
    region = {"LocationConstraint": ministack.region}
    place.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
    return Archived(place, bucket)


def test_the_latest_versions_are_copied_of_this_tenant_alone(archived: Archived) -> None:
    raw, processed, exports = archived.place.buckets
    s3 = archived.place.s3
    for name in (raw, processed, exports):
        for body in (b"old", name.encode()):
            s3.put_object(Bucket=name, Key="acme/kept", Body=body)
        s3.put_object(Bucket=name, Key="acme/deleted", Body=b"x")
        s3.delete_object(Bucket=name, Key="acme/deleted")
        s3.put_object(Bucket=name, Key="acme2/others", Body=b"x")
    s3.put_object(
        Bucket=raw, Key="acme/typed", Body=b"{}", ContentType="text/json", Metadata={"a": "b"}
    )

    objects, size, _ = archived.copied(archived.copier())

    assert archived.found() == {
        **{f"{name}/acme/kept": name.encode() for name in archived.place.buckets},
        f"{raw}/acme/typed": b"{}",
    }
    assert (objects, size) == (4, sum(map(len, archived.found().values())))
    typed = s3.head_object(Bucket=archived.bucket, Key=f"{FOLDER}{raw}/acme/typed")
    assert (typed["ContentType"], typed["Metadata"]) == ("text/json", {"a": "b"})


def test_a_call_copies_so_many_and_the_next_one_goes_on(archived: Archived) -> None:
    raw = archived.place.buckets[0]
    for n in range(7):
        archived.place.s3.put_object(Bucket=raw, Key=f"acme/{n}", Body=b"%d" % n)

    objects, size, calls = archived.copied(archived.copier(objects=2))

    assert (objects, size, calls) == (7, 7, 4)
    assert archived.found() == {f"{raw}/acme/{n}": b"%d" % n for n in range(7)}


def test_what_is_large_is_copied_in_parts_over_several_calls(archived: Archived) -> None:
    raw = archived.place.buckets[0]
    body = bytes(range(256)) * (PART // 256) * 2 + b"the rest"
    archived.place.s3.put_object(Bucket=raw, Key="acme/large", Body=body)
    archived.place.s3.put_object(Bucket=raw, Key="acme/small", Body=b"small")

    objects, size, calls = archived.copied(archived.copier(parts=1))

    assert archived.found() == {f"{raw}/acme/large": body, f"{raw}/acme/small": b"small"}
    assert (objects, size) == (2, len(body) + 5)
    assert calls >= 4


def test_small_ones_are_bounded_by_their_bytes_and_number(archived: Archived) -> None:
    raw = archived.place.buckets[0]
    for n in range(20):
        archived.place.s3.put_object(Bucket=raw, Key=f"acme/{n}", Body=b"x")

    assert archived.copied(archived.copier()) == (20, 20, 1)


def test_what_was_deleted_long_ago_is_passed_over_page_by_page(
    archived: Archived, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenantry.accounts.estate._PAGE", 2)
    raw, s3 = archived.place.buckets[0], archived.place.s3
    for n in range(6):
        s3.put_object(Bucket=raw, Key=f"acme/{n}", Body=b"x")
        s3.delete_object(Bucket=raw, Key=f"acme/{n}")
    for body in (b"old", b"older", b"new"):
        s3.put_object(Bucket=raw, Key="acme/6", Body=body)

    objects, _, calls = archived.copied(archived.copier(pages=1))

    assert (objects, archived.found()) == (1, {f"{raw}/acme/6": b"new"})
    assert calls > 6


def test_a_call_that_comes_again_after_an_upload_has_ended_begins_it_anew(
    archived: Archived,
) -> None:
    raw = archived.place.buckets[0]
    body = b"a" * PART * 2
    archived.place.s3.put_object(Bucket=raw, Key="acme/large", Body=body)
    copier = archived.copier(parts=1)
    middle = copier.copy(ACCOUNT, FOLDER, None).next
    ended = copier.copy(ACCOUNT, FOLDER, middle)
    assert (ended.objects, ended.bytes) == (1, len(body))

    # Nobody heard of it; or the archive has cleaned the upload up, which is the same to us.
    after, objects = middle, 0
    while after:
        done = copier.copy(ACCOUNT, FOLDER, after)
        after, objects = done.next, objects + done.objects

    assert objects == 1
    assert archived.found() == {f"{raw}/acme/large": body}


def test_what_changed_between_two_parts_is_begun_anew(archived: Archived) -> None:
    raw, s3 = archived.place.buckets[0], archived.place.s3
    s3.put_object(Bucket=raw, Key="acme/large", Body=b"a" * PART * 2)
    copier = archived.copier(parts=1)
    first = copier.copy(ACCOUNT, FOLDER, None)
    assert first.next
    s3.put_object(Bucket=raw, Key="acme/large", Body=b"b" * (PART * 2 + 1))
    after: str | None = first.next
    while after:
        after = copier.copy(ACCOUNT, FOLDER, after).next

    assert archived.found() == {f"{raw}/acme/large": b"b" * (PART * 2 + 1)}


@dataclass
class Vanishing:
    """The estate, whose objects are gone as soon as they are listed."""

    place: Place
    gone: list[str] = field(default_factory=list)

    def buckets(self, its: Account) -> tuple[str, ...]:
        return self.place.estate.buckets(its)

    def holding(self, its: Account, bucket: str) -> Any:
        return self.place.estate.holding(its, bucket)

    def latest(
        self, its: Account, bucket: str, after: str
    ) -> tuple[list[dict[str, Any]], str | None]:
        found, more = self.place.estate.latest(its, bucket, after)
        for each in found:
            if each["Key"] in self.gone:
                self.place.s3.delete_object(Bucket=bucket, Key=each["Key"])
        return found, more


def test_what_is_gone_since_it_was_listed_is_left_out(archived: Archived) -> None:
    raw, s3 = archived.place.buckets[0], archived.place.s3
    s3.put_object(Bucket=raw, Key="acme/a", Body=b"a")
    s3.put_object(Bucket=raw, Key="acme/b", Body=b"b")
    copier = S3Bodies(Vanishing(archived.place, ["acme/a"]), s3, archived.bucket)

    assert archived.copied(copier)[:2] == (1, 1)
    assert archived.found() == {f"{raw}/acme/b": b"b"}


def test_a_name_that_would_be_too_long_is_a_digest(archived: Archived) -> None:
    copier = archived.copier()
    long = "acme/" + "x" * 1015

    assert copier.name(FOLDER, "b", "acme/x") == f"{FOLDER}b/acme/x"
    assert len(copier.name(FOLDER, "b", long)) < 200
    assert copier.name(FOLDER, "b", long) != copier.name(FOLDER, "b", f"{long}y")
