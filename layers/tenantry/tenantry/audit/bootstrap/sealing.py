"""Sealing an organisation's days, and looking for what is missing in them."""

from functools import cache

import boto3

from tenantry.audit.bootstrap.recording import recording_service
from tenantry.audit.bootstrap.seals import trusted_keys
from tenantry.audit.completeness import CompletenessService
from tenantry.audit.dynamodb_gaps import (
    DynamoDBGaps,
    DynamoDBItems,
    DynamoDBLatest,
    DynamoDBLedgers,
)
from tenantry.audit.dynamodb_seals import DynamoDBChains, DynamoDBSealedOrganizations
from tenantry.audit.eventbridge_archive import EventBridgeArchive
from tenantry.audit.kms import KmsSealKeys, KmsSignatures
from tenantry.audit.s3_seals import S3SealStore
from tenantry.audit.sealing import SealingService
from tenantry.bootstrap import CONFIG, dynamodb, platform_table, settings, stamp
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import now
from tenantry.runtime.observability import MetricUnit, left_aside, metrics
from tenantry.runtime.signing import KmsSigner


@cache
def completeness_service() -> CompletenessService:
    audit = Table(dynamodb(), settings().required("AUDIT_TABLE"))
    return CompletenessService(
        ledgers=DynamoDBLedgers(audit),
        gaps=DynamoDBGaps(platform_table()),
        items=DynamoDBItems(platform_table()),
        latest=DynamoDBLatest(platform_table(), audit, left_aside),
        archive=EventBridgeArchive(
            boto3.client("events", config=CONFIG),
            archive_arn=settings().required("EVENT_ARCHIVE_ARN"),
            bus_arn=settings().required("EVENT_BUS_ARN"),
            rule_arn=settings().required("RECORD_EVENTS_RULE_ARN"),
        ),
        log=recording_service(),
        stamp=stamp(),
        report=lambda count: metrics.add_metric("AuditGaps", MetricUnit.Count, count),
        left_aside=left_aside,
    )


@cache
def sealing_service() -> SealingService:
    table = Table(dynamodb(), settings().required("AUDIT_TABLE"))
    kms = boto3.client("kms", config=CONFIG)
    signing_key = settings().required("SEAL_SIGNING_KEY_ARN")
    return SealingService(
        chains=DynamoDBChains(table),
        organizations=DynamoDBSealedOrganizations(table),
        store=S3SealStore(boto3.client("s3", config=CONFIG), settings().required("SEALS_BUCKET")),
        keys=KmsSealKeys(kms, table, settings().required("SEAL_WRAPPING_KEY_ARN")),
        signer=KmsSigner(kms, signing_key),
        signatures=KmsSignatures(kms, trusted_keys()),
        completeness=completeness_service(),
        now=now,
        report=left_aside,
    )
