"""The doors to technical users' credentials, which no other function hands out."""

from functools import cache

from tenantry.accounts.bootstrap.api import account_service
from tenantry.accounts.bootstrap.technical_users import technical_users
from tenantry.accounts.technical_user_service import TechnicalUserService
from tenantry.bootstrap import settings


@cache
def technical_user_service() -> TechnicalUserService:
    return TechnicalUserService(
        account_service(), technical_users(), settings().required("TOKEN_URL")
    )
