"""Arriving: profiles, sign-ins and what tokens say."""

from functools import cache

from tenantry.bootstrap import stamp
from tenantry.identity.bootstrap.invitations import InvitationDoors
from tenantry.identity.bootstrap.triggers import platform_table
from tenantry.identity.dynamodb import DynamoDBProfileRepository, DynamoDBSignUpRepository
from tenantry.identity.service import ArrivalService
from tenantry.organizations.bootstrap import organization_service


@cache
def arrivals() -> ArrivalService:
    return ArrivalService(
        profiles=DynamoDBProfileRepository(platform_table()),
        sign_ups=DynamoDBSignUpRepository(platform_table()),
        organizations=organization_service(platform_table()),
        invitations=InvitationDoors(),
        stamp=stamp(),
    )
