"""Teardown: the steps, each with the ports that it uses, and what the doors look with."""

from datetime import timedelta
from functools import cache, cached_property, partial
from typing import Any, cast

import boto3

from tenantry.accounts.bodies import S3Bodies
from tenantry.accounts.bootstrap import private_stacks
from tenantry.accounts.bootstrap.api import account_service
from tenantry.accounts.bootstrap.data import comparers, searchers
from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.bootstrap.own_accounts import dedicated_stacks, own_accounts, seen_inside
from tenantry.accounts.bootstrap.people import addressee
from tenantry.accounts.bootstrap.steps import offers_dedicated
from tenantry.accounts.bootstrap.technical_users import bound_programs, machine_clients
from tenantry.accounts.bootstrap.vendor import vendor
from tenantry.accounts.comparing import ComparisonService
from tenantry.accounts.costs import prices
from tenantry.accounts.estate import AwsEstate
from tenantry.accounts.farewells import DynamoDBFarewells
from tenantry.accounts.model import GRACE, Account, Operation
from tenantry.accounts.own_accounts import is_closed
from tenantry.accounts.provisioning import Ledger, Shared
from tenantry.accounts.repository import Addressee, Leaver, Place
from tenantry.accounts.s3 import S3Archive
from tenantry.accounts.stacks import StacksByKind
from tenantry.accounts.teardown import TAGS_LINGER, Teardown
from tenantry.accounts.teardown_service import TeardownService
from tenantry.accounts.tenant_copies import DynamoDBTenantCopies
from tenantry.audit.retiring import DynamoDBSealKeyRetirement
from tenantry.bootstrap import CONFIG, dynamodb, platform_table, settings, stamp
from tenantry.identity.bootstrap.departures import departures
from tenantry.identity.dynamodb import DynamoDBProfileRepository
from tenantry.organizations.dynamodb import (
    DynamoDBMemberRepository,
    DynamoDBOrganizationRepository,
)
from tenantry.organizations.hosting import OrganizationHosting
from tenantry.persistence.table import Table
from tenantry.runtime.observability import MetricUnit, logger, metrics
from tenantry.runtime.signing import KmsSigner
from tenantry.tenancy.holdings import Store, partitions


@cache
def teardown_service() -> TeardownService:
    grace = timedelta(
        seconds=settings().number("TEARDOWN_GRACE_SECONDS", int(GRACE.total_seconds()))
    )
    # Whether one that lets nobody in is closed is found out by who may ask, before it is exported.
    estate = _looking(programs=bound_programs, leaves_out=lambda _account: True)
    return TeardownService(account_service(), estate, grace, prices())


@cache
def comparison_service() -> ComparisonService:
    """Of what a move has left behind; beside the teardown's, since both look at all there is."""
    comparisons = DynamoDBTenantCopies(
        comparers, partial(partitions, Store.TENANT), shared=settings().required("TENANT_TABLE")
    )
    return ComparisonService(account_service(), comparisons, _shared())


@cache
def stepping() -> Teardown:
    """For steps that work on the ledger and the organisation alone."""
    return _teardown()


@cache
def exporting() -> Teardown:
    estate = _looking(programs=bound_programs, leaves_out=_is_closed)
    bodies = S3Bodies(
        estate, boto3.client("s3", config=CONFIG), settings().required("ARCHIVE_BUCKET")
    )
    return _teardown(estate=estate, archive=_archive(), bodies=bodies)


@cache
def purging() -> Teardown:
    estate = AwsEstate(
        settings().required("PREFIX"),
        _shared(),
        _session,
        ssm=boto3.client("ssm", config=CONFIG),
        dynamodb=dynamodb(),
        clients=machine_clients(),
        # What is left in it goes with its stack, by who gets in or is told that it is closed.
        leaves_out=lambda _account: True,
        **_administration(),
    )
    return _teardown(estate=estate, people=_People(), farewells=DynamoDBFarewells(platform_table()))


@cache
def deleting() -> Teardown:
    return _teardown(stacks=StacksByKind(private_stacks.removable(), dedicated_stacks()))


@cache
def watching() -> Teardown:
    return _teardown(stacks=StacksByKind(private_stacks.seen(), dedicated_stacks()))


@cache
def looking_again() -> Teardown:
    inside = seen_inside if offers_dedicated() else None
    return _teardown(estate=_looking(inside=inside, clients=machine_clients()))


@cache
def parting() -> Teardown:
    """With whoever made the organisation's own AWS account, and ends it."""
    return _teardown(own=own_accounts())


@cache
def certifying() -> Teardown:
    key = settings().required("CERTIFICATE_KEY_ARN")
    signer = KmsSigner(boto3.client("kms", config=CONFIG), key)
    retirement = DynamoDBSealKeyRetirement(Table(dynamodb(), settings().required("AUDIT_TABLE")))
    return _teardown(
        estate=_looking(inside=_closed, clients=machine_clients()),
        archive=_archive(),
        signer=signer,
        seal_keys=retirement,
    )


def _teardown(**ports: Any) -> Teardown:
    nothing = dict.fromkeys(
        ("stacks", "estate", "archive", "bodies", "signer", "people", "farewells", "seal_keys"),
        cast("Any", None),
    )
    return Teardown(
        ledger=Ledger(accounts(), stamp()),
        stamp=stamp(),
        hosting=OrganizationHosting(DynamoDBOrganizationRepository(platform_table())),
        keeps=_days("ARCHIVE_DAYS"),
        tags_linger=timedelta(
            seconds=settings().number("TAGS_LINGER_SECONDS", int(TAGS_LINGER.total_seconds()))
        ),
        seals_kept=_days("SEAL_LOCK_DAYS"),
        report=_report,
        **cast("dict[str, Any]", nothing | ports),
    )


def _closed(_account: Account) -> None:
    """An organisation's own AWS account is closed before its end is certified."""


def _is_closed(account: Account) -> bool:
    return offers_dedicated() and is_closed(vendor(), account)


def _looking(**ports: Any) -> AwsEstate:
    return AwsEstate(
        settings().required("PREFIX"),
        _shared(),
        _session,
        ssm=boto3.client("ssm", config=CONFIG),
        cloudformation=boto3.client("cloudformation", config=CONFIG),
        dynamodb=dynamodb(),
        s3=boto3.client("s3", config=CONFIG),
        tags=boto3.client("resourcegroupstaggingapi", config=CONFIG),
        kms=boto3.client("kms", config=CONFIG),
        **_administration(),
        **ports,
    )


def _administration() -> dict[str, Any]:
    return {
        "platform": settings().required("PLATFORM_TABLE"),
        "exports": settings().required("EXPORTS_BUCKET"),
    }


def _days(name: str) -> timedelta:
    return timedelta(days=settings().number(name, 0))


class _People:
    """Members as the organisations' context knows them, seen off by the identity context."""

    def members(
        self, tenant_id: str, after: str | None, most: int
    ) -> tuple[list[Leaver], str | None]:
        found, more = self._members.page(tenant_id, after, most)
        current = [Leaver(each.user_id, each.leads) for each in found if each.is_current]
        return current, found[-1].user_id if more else None

    def addressee(self, user_id: str) -> Addressee | None:
        return addressee(self._profiles.get(user_id))

    def depart(self, tenant_id: str, user_id: str) -> bool:
        return departures(settings().required("USER_POOL_ID")).depart(tenant_id, user_id)

    @cached_property
    def _members(self) -> DynamoDBMemberRepository:
        return DynamoDBMemberRepository(platform_table())

    @cached_property
    def _profiles(self) -> DynamoDBProfileRepository:
        return DynamoDBProfileRepository(platform_table())


def _archive() -> S3Archive:
    return S3Archive(boto3.client("s3", config=CONFIG), settings().required("ARCHIVE_BUCKET"))


def _shared() -> Shared:
    return Shared(
        table=settings().required("TENANT_TABLE"),
        raw=settings().required("TENANT_RAW_BUCKET"),
        processed=settings().required("TENANT_PROCESSED_BUCKET"),
        partition=dynamodb().meta.partition,
    )


def _session(place: Place) -> Any:
    return searchers(place)


def _report(what: str, operation: Operation) -> None:
    """Counted too, since it has an alarm."""
    logger.error(what, tenant_id=operation.tenant_id, operation_id=operation.operation_id)
    metrics.add_metric("OperationsStuck", MetricUnit.Count, 1)
