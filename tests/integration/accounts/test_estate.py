"""What there is of an account, and its deletion, on the local cloud: nobody else loses a byte."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tenantry.accounts.cognito import CognitoMachineClients
from tenantry.accounts.estate import AwsEstate
from tenantry.accounts.model import Account, CloudType, Names, Options
from tenantry.accounts.provisioning import Shared
from tenantry.errors import OrganizationMovingError
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Create
from tenantry.tenancy.router import PUBLIC, Whereabouts
from tenantry.tenancy.tenant_table import TenantTable
from tests.support.accounts import account
from tests.support.ministack import MiniStack
from tests.support.tables import items

TREE = Names("tenantry", "a-1").tree
KINDS = ("raw", "processed", "exports")
# Of the administration, typed here: what goes with the account, and what outlives it.
GOES = (
    "MEMBER#ada",
    "MACHINE#client",
    "SUPPORT#s-1",
    "OPERATOR#root",
    "INVITATION#i-1",
    "INVITELINK#l-1",
    "INVITEE#e-1",
    "INVITES#2026-03-02",
    "LICENSE#l-1",
    "LICENSED#s-1",
    "USAGE",
    "STORAGE#2026-03-02",
    "AUDIT_GAP#g-1",
)
STAYS = ("ORGANIZATION", "SUBSCRIPTION", "ACCOUNT")
RECORDS = len(GOES) + 1  # and the claim on a domain


class Place:
    """A shared table and two buckets with versions, where two tenants live."""

    def __init__(self, cloud: MiniStack, table: Table, platform: Table) -> None:
        self.cloud, self.table, self.platform = cloud, table, platform
        self.s3, self.ssm = cloud.client("s3"), cloud.client("ssm")
        self.buckets = [f"estate-{table.name[-8:].lower()}-{kind}" for kind in KINDS]
        for name in self.buckets:
            self.s3.create_bucket(
                Bucket=name, CreateBucketConfiguration={"LocationConstraint": cloud.region}
            )
            self.s3.put_bucket_versioning(
                Bucket=name, VersioningConfiguration={"Status": "Enabled"}
            )
        dynamodb = cloud.client("dynamodb")
        self.cognito = cloud.client("cognito-idp")
        self.pool_id = self.cognito.create_user_pool(PoolName=table.name)["UserPool"]["Id"]
        own = SimpleNamespace(dynamodb=dynamodb, s3=self.s3)
        self.estate = AwsEstate(
            "tenantry",
            Shared(table.name, *self.buckets[:2]),
            lambda _place: own,
            ssm=self.ssm,
            cloudformation=cloud.client("cloudformation"),
            dynamodb=dynamodb,
            s3=self.s3,
            tags=cloud.client("resourcegroupstaggingapi"),
            kms=cloud.client("kms"),
            clients=CognitoMachineClients(self.cognito, self.pool_id, "tenantry"),
            platform=platform.name,
            exports=self.buckets[2],
        )

    def program(self, name: str) -> str:
        """A client of the pool's with this name."""
        made = self.cognito.create_user_pool_client(UserPoolId=self.pool_id, ClientName=name)
        return str(made["UserPoolClient"]["ClientId"])

    def programs(self) -> set[str]:
        found = self.cognito.list_user_pool_clients(UserPoolId=self.pool_id, MaxResults=60)
        return {each["ClientId"] for each in found["UserPoolClients"]}

    def fill(self, tenant_id: str, count: int) -> None:
        for n in range(count):
            self.table.put({"PK": f"ORG#{tenant_id}", "SK": f"THING#{n:04}", "is": f"{n}"})
        self.table.put({"PK": f"ORG#{tenant_id}#EXPORTS", "SK": "EXPORT#e-1", "is": "one"})
        for sk in (*GOES, *STAYS):
            self.platform.put({"PK": f"ORG#{tenant_id}", "SK": sk, "tenant_id": tenant_id})
        claim = {"PK": f"DOMAIN#{tenant_id}.example", "SK": "CLAIM", "tenant_id": tenant_id}
        self.platform.put(claim)
        self.platform.put(
            {"PK": f"ORG#{tenant_id}", "SK": f"DOMAIN#{tenant_id}.example", "tenant_id": tenant_id}
        )
        for bucket in self.buckets:
            for body in (b"one", b"two"):
                self.s3.put_object(Bucket=bucket, Key=f"{tenant_id}/file", Body=body)
            self.s3.delete_object(Bucket=bucket, Key=f"{tenant_id}/file")

    def of(self, tenant_id: str) -> Any:
        """All that a tenant has, to the byte."""
        rows = [
            row
            for table in (self.table, self.platform)
            for row in items(table._client, table.name)
            if row["PK"]["S"] in (f"ORG#{tenant_id}", f"ORG#{tenant_id}#EXPORTS")
            or row["PK"]["S"] == f"DOMAIN#{tenant_id}.example"
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
def place(
    ministack: MiniStack, ministack_tenant_table: Table, ministack_platform_table: Table
) -> Iterator[Place]:
    made = Place(ministack, ministack_tenant_table, ministack_platform_table)
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


def swept(place: Place, its: Account) -> list[str]:
    """What is still there in the tables that all share."""
    left: list[str] = []
    after: str | None = None
    while True:
        found, after = place.estate.sweep(its, after)
        left += found
        if after is None:
            return left


def test_a_fence_keeps_out_who_knows_an_older_route_and_goes_with_the_rest(place: Place) -> None:
    its = account("public")

    def writer(epoch: int) -> TenantTable:
        return TenantTable(
            place.table, Whereabouts("acme", PUBLIC, place.table.name, "", "", "", epoch)
        )

    late = Create({"PK": "ORG#acme", "SK": "THING#late"}, {"entity_type": "Thing"})
    place.estate.fence(its, 7)
    place.estate.fence(its, 6)
    with pytest.raises(OrganizationMovingError):
        writer(6).write(late)
    writer(7).write(late)

    while not place.estate.purge(its):
        pass
    assert place.estate.survey(its).items == 0


def test_a_purge_takes_all_of_one_tenant_and_nothing_of_another(place: Place) -> None:
    its = account("public")
    place.fill("acme", 1100)
    place.fill("acme-2", 3)  # whose keys begin like the other's
    place.ssm.put_parameter(Name=f"{TREE}/cloud-type", Value="public", Type="String")
    before = place.of("acme-2")
    found = place.estate.survey(its)
    assert (found.items, found.objects, found.parameters, found.resources) == (1101, 9, 1, ())
    assert found.records == RECORDS
    assert found.item_bytes > 0
    assert found.object_bytes == 18

    assert purged(place, its) > 1
    assert place.estate.survey(its).is_empty
    assert swept(place, its) == []
    rows, objects = place.of("acme")
    assert sorted(row["SK"]["S"] for row in rows) == sorted(STAYS)
    assert objects == []
    assert place.of("acme-2") == before
    assert purged(place, its) == 1  # what is gone is fine


def test_who_has_no_time_for_the_pool_goes_by_what_is_bound(place: Place) -> None:
    its = account("public")
    place.program("tenantry-technical-user-a-1-1")
    place.estate._clients = None
    place.estate._bound = lambda account: [f"of-{account.account_id}"]

    assert place.estate.survey(its).resources == ("user pool client of-a-1",)


def test_programs_are_found_by_their_names_and_no_others_are_taken(place: Place) -> None:
    its = account("public")
    mine = {place.program(f"tenantry-technical-user-a-1-{number}") for number in (1, 2, 99)}
    names = ("tenantry-app", "tenantry-technical-user-a-1-1-1", "tenantry-technical-user-a-10-1")
    others = {place.program(name) for name in (*names, "other-technical-user-a-1-1")}
    found = place.estate.survey(its)
    assert set(found.resources) == {f"user pool client {each}" for each in mine}

    purged(place, its)

    assert place.estate.survey(its).is_empty
    assert place.programs() == others


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

    assert [line["item"]["SK"] for line in lines if line.get("table") == "tenant"] == [
        *(f"THING#{n:04}" for n in range(300)),
        "EXPORT#e-1",
    ]
    told = {line["item"]["SK"] for line in lines if line.get("table") == "platform"}
    assert told == {*GOES, "DOMAIN#acme.example"}
    assert len([line for line in lines if line.get("key") == "acme/file"]) == 9
    assert len(lines) == 310 + RECORDS


def test_twenty_others_have_every_byte_that_they_had(place: Place) -> None:
    others = [f"{name}{n}" for n in range(10) for name in ("acme-", "zeta-")]
    for name in ("acme", *others):
        place.fill(name, 7)
    before = {name: place.of(name) for name in others}
    assert len(others) == 20
    assert all(objects for _, objects in before.values())

    purged(place, account("public"))

    assert {name: place.of(name) for name in others} == before


def test_a_domain_that_is_somebody_elses_by_now_stays_theirs(place: Place) -> None:
    place.fill("acme", 1)
    theirs = {"PK": "DOMAIN#acme.example", "SK": "CLAIM", "tenant_id": "ajax"}
    place.platform.put(theirs)

    purged(place, account("public"))

    assert place.platform.get({"PK": "DOMAIN#acme.example", "SK": "CLAIM"}) == theirs


def test_what_nobody_declared_is_named_and_never_deleted(place: Place) -> None:
    its = account("public")
    place.fill("acme", 1)
    place.platform.put({"PK": "ORG#acme", "SK": "UNHEARD#1"})
    place.table.put({"PK": "ORG#acme#UNHEARD", "SK": "OF"})
    place.platform.put({"PK": "ORG#acme#UNHEARD", "SK": "OF"})
    place.table.put({"PK": "ORG#acme-2#UNHEARD", "SK": "OF"})

    purged(place, its)

    (named,) = place.estate.survey(its).resources
    assert "ORG#acme / UNHEARD#1" in named
    left = swept(place, its)
    assert sorted(left) == sorted(
        [
            f"item ORG#acme#UNHEARD / OF of {place.table.name}",
            f"item ORG#acme#UNHEARD / OF of {place.platform.name}",
            f"item ORG#acme / UNHEARD#1 of {place.platform.name}",
        ]
    )


def test_a_private_account_leaves_nothing_in_what_tenants_share(place: Place) -> None:
    """Its own table goes with its stack; contexts write the shared one too."""
    its = account("private")
    place.fill("acme", 3)
    assert place.estate.survey(its).items == 4

    purged(place, its)

    assert place.estate.survey(its).is_empty
    assert swept(place, its) == []


def test_after_its_stack_only_what_is_shared_is_asked_for(place: Place) -> None:
    """A session for what is gone may be refused."""
    its, asked = account("private"), []
    session = place.estate._session
    place.estate._session = lambda where: asked.append(where.table) or session(where)  # type: ignore[func-returns-value]
    place.fill("acme", 3)

    assert place.estate.purge(its, shared_alone=True)

    assert set(asked) == {place.table.name}
    assert swept(place, its) == []


def test_what_is_not_counted_is_said(place: Place) -> None:
    place.fill("acme", 5)
    found = place.estate.survey(account("public"), most=4)

    assert (found.items, found.objects, found.is_whole) == (4, 4, False)
    assert found.records == 4


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


def test_buckets_beside_the_shared_table_go_and_so_does_what_lies_in_that_table(
    place: Place,
) -> None:
    """The table is everybody's: its items are purged, and do not go with a stack."""
    its = account("public").model_copy(update={"options": Options(own_buckets=True)})
    names = Names.of("tenantry", its)
    for bucket in (names.raw, names.processed):
        place.s3.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": place.cloud.region}
        )
    place.fill("acme", 3)
    place.fill("ajax", 3)
    before = place.of("ajax")
    place.s3.put_object(Bucket=names.raw, Key="acme/1.txt", Body=b"one")
    found = place.estate.survey(its)
    assert found.items == 4
    assert found.objects == 9 + 1
    assert set(found.resources) == {f"bucket {names.raw}", f"bucket {names.processed}"}

    purged(place, its)

    left = place.estate.survey(its)
    assert (left.items, left.objects) == (0, 0)
    assert place.of("ajax") == before
    for bucket in (names.raw, names.processed):
        place.s3.delete_bucket(Bucket=bucket)
    assert place.estate.survey(its).is_empty


def test_what_a_move_has_left_of_both_forms_is_found(place: Place) -> None:
    """A private account, that had buckets of its own before."""
    its = account("private").model_copy(update={"options": Options(own_buckets=True)})
    before = Names.of("tenantry", its.hosted_as(CloudType.PUBLIC))
    place.s3.create_bucket(
        Bucket=before.raw, CreateBucketConfiguration={"LocationConstraint": place.cloud.region}
    )

    assert place.estate.survey(its).resources == (f"bucket {before.raw}",)
    place.s3.delete_bucket(Bucket=before.raw)
