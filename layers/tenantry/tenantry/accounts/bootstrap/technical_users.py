"""Technical users, and the doors to their credentials."""

from functools import cache

import boto3

from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.cognito import CognitoMachineClients
from tenantry.accounts.model import Account
from tenantry.accounts.stray_clients import StrayClients
from tenantry.accounts.technical_users import TechnicalUsers
from tenantry.bootstrap import CONFIG, platform_table, settings
from tenantry.organizations.dynamodb import DynamoDBMachineRepository
from tenantry.organizations.machines import MachineWrites
from tenantry.runtime.identifiers import now
from tenantry.runtime.observability import logger


class _Machines(MachineWrites, DynamoDBMachineRepository):
    """As the organisations' context reads and writes them."""


@cache
def machine_clients() -> CognitoMachineClients:
    return CognitoMachineClients(
        boto3.client("cognito-idp", config=CONFIG),
        settings().required("USER_POOL_ID"),
        settings().required("PREFIX"),
    )


def bound_programs(account: Account) -> list[str]:
    """The clients that act for it, as our own rows say: nobody asks the pool."""
    machines = DynamoDBMachineRepository(platform_table()).of(account.tenant_id)
    own = [each for each in machines if each.account_id == account.account_id]
    return [each.client_id for each in own if each.lasts(now())]


@cache
def stray_clients() -> StrayClients:
    return StrayClients(
        machine_clients(), accounts(), _Machines(platform_table()), now, report=_removed
    )


def _removed(client_id: str, account_id: str) -> None:
    logger.warning(
        "a client that nobody acts by was removed", client_id=client_id, account_id=account_id
    )


@cache
def technical_users() -> TechnicalUsers:
    return TechnicalUsers(machine_clients(), _Machines(platform_table()), now)
