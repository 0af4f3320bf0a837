"""The repository, on a table; seats and members are the organisations'."""

from tenantry.invitations.dynamodb import DynamoDBInvitationRepository
from tenantry.organizations import seats
from tenantry.persistence.table import Table


def invitations_in(table: Table) -> DynamoDBInvitationRepository:
    return DynamoDBInvitationRepository(table, seats)
