"""Telling the sealers whose day is to be sealed."""

from functools import cache

import boto3

from tenantry.audit.dynamodb_seals import DynamoDBRounds, DynamoDBSealedOrganizations
from tenantry.audit.sealing import SealingRounds
from tenantry.audit.sqs_seals import SqsSealTasks
from tenantry.bootstrap import CONFIG, dynamodb, settings
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import now


@cache
def tasks() -> SqsSealTasks:
    return SqsSealTasks(boto3.client("sqs", config=CONFIG), settings().required("SEAL_QUEUE_URL"))


@cache
def sealing_rounds() -> SealingRounds:
    table = Table(dynamodb(), settings().required("AUDIT_TABLE"))
    return SealingRounds(
        organizations=DynamoDBSealedOrganizations(table),
        rounds=DynamoDBRounds(table),
        tasks=tasks(),
        now=now,
    )
