"""Mails that follow from a teardown; once each, as far as that can be."""

from collections.abc import Iterable
from datetime import timedelta
from functools import cache, cached_property

import boto3

from tenantry.accounts.bootstrap.ledger import accounts
from tenantry.accounts.bootstrap.people import addressee
from tenantry.accounts.farewells import DynamoDBFarewells
from tenantry.accounts.mails import TeardownMails
from tenantry.accounts.repository import Addressee
from tenantry.bootstrap import CONFIG, platform_table, settings, stamp
from tenantry.identity.dynamodb import DynamoDBProfileRepository
from tenantry.identity.user_pool import CognitoUserDirectory
from tenantry.mail.bootstrap import brand, mailer
from tenantry.mail.rendering import rendered
from tenantry.messaging.dynamodb import DynamoDBMarkers
from tenantry.messaging.once import Once
from tenantry.organizations.dynamodb import (
    DynamoDBMemberRepository,
    DynamoDBOrganizationRepository,
)
from tenantry.organizations.model import Organization

LEASE = timedelta(seconds=120)
"""Twice as long as the function may run; the queue hands a message out again later than that."""
_MEMBERS_AT_ONCE = 500


@cache
def teardown_mails() -> TeardownMails:
    return TeardownMails(
        accounts=accounts(),
        audience=_Audience(),
        farewells=DynamoDBFarewells(platform_table()),
        mailer=mailer(),
        brand=brand(),
        rendered=rendered,
        once=Once(DynamoDBMarkers(platform_table()), "accounts-mails", LEASE, stamp().now),
        now=stamp().now,
        archive=settings().required("ARCHIVE_BUCKET"),
        keeps=timedelta(days=settings().number("ARCHIVE_DAYS", 0)),
    )


class _Audience:
    """Members as the organisations' context knows them, people as the identity context does."""

    def organization(self, tenant_id: str) -> Organization | None:
        return DynamoDBOrganizationRepository(platform_table()).get(tenant_id)

    def name(self, user_id: str) -> str | None:
        found = self._profiles.get(user_id)
        return found.name if found else None

    def owners(self, tenant_id: str) -> list[Addressee]:
        members = DynamoDBMemberRepository(platform_table())
        after, leading = None, list[str]()
        while True:
            page, more = members.page(tenant_id, after, _MEMBERS_AT_ONCE)
            leading += [each.user_id for each in page if each.leads]
            if not more:
                return self._reached(leading)
            after = page[-1].user_id

    def person(self, user_id: str) -> Addressee | None:
        return addressee(self._profiles.get(user_id))

    def operators(self) -> list[Addressee]:
        directory = CognitoUserDirectory(lambda: boto3.client("cognito-idp", config=CONFIG))
        return self._reached(directory.operator_ids(settings().required("USER_POOL_ID")))

    @cached_property
    def _profiles(self) -> DynamoDBProfileRepository:
        return DynamoDBProfileRepository(platform_table())

    def _reached(self, user_ids: Iterable[str]) -> list[Addressee]:
        found = (addressee(self._profiles.get(user_id)) for user_id in user_ids)
        return [each for each in found if each]
