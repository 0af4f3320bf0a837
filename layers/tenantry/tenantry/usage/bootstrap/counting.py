"""The rows that count as users: members who hold a seat, and pending invitations."""

from tenantry.bootstrap import platform_table
from tenantry.usage.dynamodb import DynamoDBSeats
from tenantry.usage.repository import RowCounter


def row_counters() -> tuple[RowCounter, ...]:
    return (DynamoDBSeats(platform_table()),)
