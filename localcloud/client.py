"""A client of the deployed product, as a front end has one: SRP, GraphQL, REST, the mailbox.

It knows only the stack's outputs and speaks to public doors with unmodified libraries; the demo
and the end-to-end tests share it.
"""

import time
from collections.abc import Callable
from typing import Any

from tenantry_cli.api import (
    ORGANIZATION_HEADER,
    TIMEOUT,
    Api,
    GraphqlError,
    Tokens,
    claims_of,
)

__all__ = [
    "ORGANIZATION_HEADER",
    "TIMEOUT",
    "GraphqlError",
    "NotInTimeError",
    "Product",
    "Tokens",
    "claims_of",
    "until",
]


class NotInTimeError(Exception):
    """What was waited for did not come true before the deadline."""


def until[T](what: str, look: Callable[[], T | None], seconds: float = 30, every: float = 0.1) -> T:
    """The first truthy answer of `look`, asked `every` few seconds; NotInTimeError names `what`.

    Who looks through the product's doors costs an invocation each time: seldom is enough there.
    """
    deadline = time.monotonic() + seconds
    while True:
        if answer := look():
            return answer
        if time.monotonic() > deadline:
            raise NotInTimeError(f"{what}: not within {seconds:.0f} s")
        time.sleep(every)


class Product(Api):
    """The deployed product of a local cloud (see `.localcloud/outputs.json`)."""

    # coming in

    def sign_up(self, email: str, password: str, **wishes: str) -> str:
        """Sign up with `wishes` as client metadata; answers the user's id."""
        answer = self.cognito.sign_up(
            ClientId=self.outputs["UserPoolClientId"],
            Username=email,
            Password=password,
            UserAttributes=[{"Name": "email", "Value": email}],
            ClientMetadata=wishes,
        )
        return str(answer["UserSub"])

    def confirm(self, email: str, code: str) -> None:
        self.cognito.confirm_sign_up(
            ClientId=self.outputs["UserPoolClientId"], Username=email, ConfirmationCode=code
        )

    def sign_in_with_password(self, email: str, password: str) -> Tokens:
        """Sign in through the migration client, which brings users of an older system over."""
        return Tokens.of(
            self.cognito.initiate_auth(
                ClientId=self.outputs["MigrationClientId"],
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": email, "PASSWORD": password},
            )
        )

    def join(self, email: str, password: str, **wishes: str) -> Tokens:
        """Sign up, read the code from the mailbox, confirm, and sign in."""
        self.sign_up(email, password, **wishes)
        self.confirm(email, self.code_mailed_to(email))
        return self.sign_in(email, password)

    # the mailbox of the local cloud

    def mails_to(self, email: str) -> list[dict[str, Any]]:
        """The mails sent to `email`, newest first."""
        answer = self.http.get(
            self.outputs["MailboxUrl"].rstrip("/") + ".json", params={"to": email}, timeout=TIMEOUT
        )
        mails: list[dict[str, Any]] = answer.json()
        return mails

    def code_mailed_to(self, email: str) -> str:
        """The newest code mailed to `email`."""

        def newest() -> str | None:
            return next((code for mail in self.mails_to(email) for code in mail["codes"]), None)

        return until(f"a code mailed to {email}", newest)
