"""Coming over from the older system, by the one directory that is configured."""

from functools import cache
from typing import TYPE_CHECKING

from tenantry.bootstrap import settings, stamp
from tenantry.identity.bootstrap.triggers import TRIGGER, platform_table, table
from tenantry.identity.dynamodb import DynamoDBLegacyDirectory, DynamoDBSignUpRepository
from tenantry.identity.service import MigrationService

if TYPE_CHECKING:
    from tenantry.identity.repository import LegacyDirectory


@cache
def migration() -> MigrationService:
    return MigrationService(
        directory=_directory(),
        sign_ups=DynamoDBSignUpRepository(platform_table()),
        now=stamp().now,
    )


def _directory() -> "LegacyDirectory":
    match settings().required("LEGACY_DIRECTORY"):
        case "table":
            return DynamoDBLegacyDirectory(table("LEGACY_TABLE"))
        case "http":
            # requests and the circuit breaker, which the table does without
            import boto3

            from tenantry.identity.http import HttpLegacyDirectory, circuit_in, secret_of

            circuits = boto3.client("dynamodb", config=TRIGGER)
            return HttpLegacyDirectory(
                settings().required("LEGACY_DIRECTORY_URL"),
                secret_of(settings().required("LEGACY_DIRECTORY_SECRET_ARN"), TRIGGER),
                circuit_in(circuits, settings().required("PLATFORM_TABLE")),
            )
        case other:
            raise LookupError(f"LEGACY_DIRECTORY is {other}: it must be table or http")
