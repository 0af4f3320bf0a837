"""Failures of our own, which every door tells in the same few words.

Their cause is for the log: what is unavailable or corrupt helps nobody outside.
"""

from http import HTTPStatus

from tenantry.errors import TenantryError

FAILED = "The service could not answer. Try again later."
"""What people and clients read of every one of them; API Gateway and AppSync say the same."""


def is_ours(error: TenantryError) -> bool:
    """Whether `error` is a failure of our own, and not an answer to what was asked."""
    return error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
