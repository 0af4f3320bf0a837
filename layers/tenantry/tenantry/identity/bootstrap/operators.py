"""Operators: one read, so one adapter; other contexts ask it too, so nothing else is imported."""

from functools import cache

from tenantry.bootstrap import platform_table
from tenantry.identity.dynamodb import DynamoDBProfileRepository
from tenantry.identity.service import OperatorStanding


@cache
def operator_standing() -> OperatorStanding:
    return OperatorStanding(DynamoDBProfileRepository(platform_table()))
