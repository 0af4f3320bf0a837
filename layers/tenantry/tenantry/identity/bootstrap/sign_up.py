"""Signing up: the rules of this deployment, and who is let in by them."""

from functools import cache

from disposable_email_domains import blocklist

from tenantry.bootstrap import settings, stamp
from tenantry.identity.addresses import checked_address
from tenantry.identity.bootstrap.invitations import InvitationDoors
from tenantry.identity.bootstrap.triggers import platform_table, user_pools
from tenantry.identity.dynamodb import DynamoDBSignUpRepository
from tenantry.identity.model import SignUpRules
from tenantry.identity.service import SignUpService
from tenantry.identity.user_pool import CognitoUserDirectory
from tenantry.organizations.bootstrap import organization_service


@cache
def sign_ups() -> SignUpService:
    return SignUpService(
        rules=SignUpRules(
            self_sign_up=settings().flag("SELF_SIGN_UP"),
            allowed=settings().names("SIGN_UP_ALLOWED_DOMAINS"),
            denied=settings().names("SIGN_UP_DENIED_DOMAINS"),
            disposable=blocklist,
        ),
        providers=_exact_names(settings().text("FEDERATED_PROVIDERS")),
        check_address=checked_address,
        sign_ups=DynamoDBSignUpRepository(platform_table()),
        organizations=organization_service(platform_table()),
        invitations=InvitationDoors(),
        directory=CognitoUserDirectory(user_pools),
        now=stamp().now,
    )


def _exact_names(text: str) -> frozenset[str]:
    """As written: Cognito links by the provider's name in its own case."""
    return frozenset(name.strip() for name in text.split(",") if name.strip())
