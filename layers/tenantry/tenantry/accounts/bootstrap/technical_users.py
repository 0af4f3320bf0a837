"""Technical users, and the doors to their credentials."""

from functools import cache

import boto3

from tenantry.accounts.cognito import CognitoMachineClients
from tenantry.accounts.technical_users import TechnicalUsers
from tenantry.bootstrap import CONFIG, platform_table, settings
from tenantry.organizations.dynamodb import DynamoDBMachineRepository
from tenantry.organizations.machines import MachineWrites
from tenantry.runtime.identifiers import now


class _Machines(MachineWrites, DynamoDBMachineRepository):
    """As the organisations' context reads and writes them."""


@cache
def machine_clients() -> CognitoMachineClients:
    return CognitoMachineClients(
        boto3.client("cognito-idp", config=CONFIG),
        settings().required("USER_POOL_ID"),
        settings().required("PREFIX"),
    )


@cache
def technical_users() -> TechnicalUsers:
    return TechnicalUsers(machine_clients(), _Machines(platform_table()), now)
