"""Where an organisation's data is, and when nobody is sent there."""

import json
from dataclasses import dataclass, field, replace

import pytest

from tenantry.errors import OrganizationMovingError, UnknownRouteError
from tenantry.tenancy.router import TenantRouter, Whereabouts
from tenantry.tenancy.sessions import Abroad

OWN = {
    "account": "a-1",
    "kind": "private",
    "region": "eu-central-1",
    "table": "tenantry-account-1",
    "raw": "tenantry-account-1-raw",
    "processed": "tenantry-account-1-processed",
    "state": "active",
}


@dataclass(frozen=True)
class Standing:
    route: dict[str, str] = field(default_factory=dict)
    route_epoch: int = 3
    tenant_id: str = "acme"


ROUTER = TenantRouter(
    table="shared",
    raw="shared-raw",
    processed="shared-processed",
    region="eu-central-1",
    own="tenantry-account-",
    arn=lambda kind, name: f"arn:{kind}/{name}",
)


def found(route: dict[str, str], *, writes: bool = False) -> Whereabouts:
    return ROUTER.find(Standing(route), writes=writes)


@pytest.mark.parametrize("route", [{}, {"account": "a-1", "kind": "public", "state": "active"}])
def test_who_has_nothing_of_their_own_shares(route: dict[str, str]) -> None:
    place = found(route, writes=True)

    assert (place.table, place.raw, place.processed) == ("shared", "shared-raw", "shared-processed")
    assert (place.epoch, place.prefix) == (3, "acme/")


def test_a_private_account_is_where_its_route_says() -> None:
    place = found(OWN, writes=True)

    assert (place.kind, place.table) == ("private", "tenantry-account-1")
    assert (place.raw, place.processed) == (OWN["raw"], OWN["processed"])


BESIDE = {name: OWN[name] for name in ("account", "region", "raw", "processed", "state")}


def test_a_public_account_may_have_buckets_beside_the_shared_table() -> None:
    place = found({**BESIDE, "kind": "public"}, writes=True)

    assert (place.kind, place.table) == ("public", "shared")
    assert (place.raw, place.processed) == (OWN["raw"], OWN["processed"])
    policy = json.loads(ROUTER.scope(place, writes=True).policy("acme"))
    named = {each for one in policy["Statement"] for each in one["Resource"] if "bucket" in each}
    assert {each.partition("/")[2].partition("/")[0] for each in named} == {
        OWN["raw"],
        OWN["processed"],
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"raw": "another-raw"},
        {"processed": "shared-processed"},
        {"raw": ""},
        {"region": "us-east-1"},
    ],
)
def test_buckets_that_are_not_of_a_tenants_own_are_not_followed(wrong: dict[str, str]) -> None:
    with pytest.raises(UnknownRouteError):
        found({**BESIDE, "kind": "public", **wrong})


def test_one_bucket_without_the_other_leads_nowhere() -> None:
    route = {**BESIDE, "kind": "public"}
    del route["processed"]
    with pytest.raises(UnknownRouteError):
        found(route)


@pytest.mark.parametrize("state", ["moving", "closing"])
def test_what_moves_is_read_and_not_written(state: str) -> None:
    route = {**OWN, "state": state}

    assert found(route).table == "tenantry-account-1"
    with pytest.raises(OrganizationMovingError) as refused:
        found(route, writes=True)
    assert refused.value.details["retryAfter"] > 0


@pytest.mark.parametrize("state", ["creating", "deleting"])
@pytest.mark.parametrize("writes", [True, False])
def test_what_is_not_there_yet_or_any_more_is_refused(state: str, writes: bool) -> None:
    with pytest.raises(OrganizationMovingError):
        found({**OWN, "state": state}, writes=writes)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "elsewhere"},
        {"state": "lost"},
        {"region": "us-east-1"},
        {"table": "platform"},
        {"table": "shared"},
        {"raw": "another-raw"},
        {"processed": ""},
    ],
)
def test_a_route_that_leads_nowhere_here_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(UnknownRouteError):
        found({**OWN, **wrong})


def test_the_session_reaches_the_tenants_own_place_and_nothing_else() -> None:
    policy = json.loads(ROUTER.scope(found(OWN), writes=True).policy("acme"))
    by_action = {each["Action"][0]: each for each in policy["Statement"]}

    items, objects = by_action["dynamodb:GetItem"], by_action["s3:GetObject"]
    assert items["Resource"] == [
        "arn:table/tenantry-account-1",
        "arn:table/tenantry-account-1/index/*",
    ]
    keys = items["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert keys == ["ORG#acme", "ORG#acme#*"]
    assert objects["Resource"] == [
        "arn:bucket/tenantry-account-1-raw/acme/*",
        "arn:bucket/tenantry-account-1-processed/acme/*",
    ]


def test_a_reader_gets_no_credentials_to_write() -> None:
    policy = ROUTER.scope(found(OWN), writes=False).policy("acme")

    assert not {"Put", "Delete", "Update"} & {
        verb for verb in ("Put", "Delete", "Update") if f":{verb}" in policy
    }


def test_the_longest_policy_is_within_what_sts_takes() -> None:
    router = TenantRouter(
        *("x" * 63, "y" * 63, "z" * 63),
        region="eu-central-1",
        own="p",
        arn=lambda kind, name: f"arn:aws:{kind}:eu-central-1:000000000000:{name}",
    )
    tenant = "0" * 36
    place = router.find(Standing(tenant_id=tenant), writes=True)

    assert len(router.scope(place, writes=True).policy(tenant)) <= 2048


# an AWS account of the tenant's own

DEDICATED = {
    "account": "a-2",
    "kind": "dedicated",
    "region": "eu-central-1",
    "table": "tenantry-acme",
    "raw": "tenantry-acme-raw",
    "processed": "tenantry-acme-processed",
    "aws_account": "111122223333",
    "role": "arn:aws:iam::111122223333:role/tenantry-platform",
    "secret": "/tenantry/accounts/a-2/external-id",
    "state": "active",
}
ABROAD = replace(ROUTER, deployment="tenantry")


def test_a_dedicated_account_is_entered_by_the_role_that_its_route_names() -> None:
    place = ABROAD.find(Standing(DEDICATED), writes=True)

    assert place.abroad == Abroad(DEDICATED["role"], DEDICATED["secret"])
    assert (place.kind, place.table, place.raw) == (
        "dedicated",
        "tenantry-acme",
        "tenantry-acme-raw",
    )
    (table,) = ABROAD.scope(place, writes=True).table_arns
    assert table == "arn:aws:dynamodb:eu-central-1:111122223333:table/tenantry-acme"


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": ""},
        {"role": "arn:aws:iam::111122223333:role/Admin"},
        {"role": "arn:aws:iam::444455556666:role/tenantry-platform"},
        {"role": "arn:aws:iam::111122223333:role/tenantry-platform/../Admin"},
        {"aws_account": "444455556666"},
        {"aws_account": ""},
        {"secret": "/other/accounts/a-2/external-id"},
        {"secret": ""},
        {"table": "other-acme"},
        {"region": "us-east-1"},
    ],
)
def test_no_other_role_is_followed(wrong: dict[str, str]) -> None:
    with pytest.raises(UnknownRouteError):
        ABROAD.find(Standing({**DEDICATED, **wrong}), writes=False)


def test_a_router_that_knows_no_deployment_follows_none() -> None:
    with pytest.raises(UnknownRouteError):
        ROUTER.find(Standing(DEDICATED), writes=False)


def test_a_private_route_leads_into_no_other_account() -> None:
    assert ABROAD.find(Standing(OWN), writes=True).abroad is None
