"""Adapter: sessions in the management account, and through it in the accounts of its organisation.

Organizations and Service Catalog answer only there, and the access role of an account that was made
trusts nobody else. So the platform assumes one role there, with its external id, and that role
alone hops on. Role chaining keeps each session to an hour.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol, TypedDict

from botocore.exceptions import ClientError

from tenantry.accounts.vending import Credentials, Errand, VendorSettings
from tenantry.accounts.vendors.errands import policy
from tenantry.errors import AccountShutError
from tenantry.runtime.services import reached

if TYPE_CHECKING:
    from types_boto3_sts.client import STSClient

SESSION_NAME: Final = "tenantry-vendor"
_LIFETIME: Final = 3600
_MARGIN: Final = timedelta(minutes=5)
_STS: Final = "The service that gives credentials"


class Keys(TypedDict):
    aws_access_key_id: str
    aws_secret_access_key: str
    aws_session_token: str


class Connect(Protocol):
    """Makes clients of a session's credentials."""

    def organizations(self, keys: Keys) -> Any: ...

    def servicecatalog(self, keys: Keys) -> Any: ...

    def sts(self, keys: Keys) -> Any: ...


class ManagementAccount:
    """`sts` speaks as the platform, whose role may assume the management role and no other."""

    def __init__(
        self,
        sts: "STSClient",
        settings: VendorSettings,
        now: Callable[[], datetime],
        connect: Connect,
    ) -> None:
        self._sts: Any = sts
        self._settings = settings
        self._now = now
        self._connect = connect
        self._clients: dict[str, Any] = {}
        self._until: datetime | None = None
        self._lock = threading.Lock()

    @property
    def organizations(self) -> Any:
        return self._client("organizations", self._connect.organizations)

    @property
    def servicecatalog(self) -> Any:
        return self._client("servicecatalog", self._connect.servicecatalog)

    def enter(self, aws_account_id: str, errand: Errand) -> Credentials:
        """A session in an account that was made, with what its errand needs; AccountShutError when
        it lets nobody in."""
        sts = self._client("sts", self._connect.sts)
        partition = self._settings.management_role_arn.split(":")[1]
        role = f"arn:{partition}:iam::{aws_account_id}:role/{self._settings.access_role}"
        try:
            with reached(_STS):
                keys = sts.assume_role(
                    RoleArn=role,
                    RoleSessionName=SESSION_NAME,
                    DurationSeconds=_LIFETIME,
                    Policy=policy(errand, partition, aws_account_id, self._settings.deployment),
                )["Credentials"]
        except ClientError as error:
            # STS says the same of a role that is not there yet, is gone, or refuses.
            if error.response["Error"]["Code"] == "AccessDenied":
                raise AccountShutError(f"The account {aws_account_id} lets nobody in.") from error
            raise
        return Credentials(
            aws_account_id=aws_account_id,
            access_key_id=keys["AccessKeyId"],
            secret_access_key=keys["SecretAccessKey"],
            session_token=keys["SessionToken"],
            until=keys["Expiration"],
        )

    def _client(self, name: str, connect: Callable[[Keys], Any]) -> Any:
        with self._lock:
            if self._until is None or self._until <= self._now():
                self._clients = {"keys": self._assume()}
            if name not in self._clients:
                self._clients[name] = connect(self._clients["keys"])
            return self._clients[name]

    def _assume(self) -> Keys:
        known = {"ExternalId": self._settings.external_id} if self._settings.external_id else {}
        with reached(_STS):
            session = self._sts.assume_role(
                RoleArn=self._settings.management_role_arn,
                RoleSessionName=SESSION_NAME,
                DurationSeconds=_LIFETIME,
                **known,
            )["Credentials"]
        self._until = session["Expiration"] - _MARGIN
        return {
            "aws_access_key_id": session["AccessKeyId"],
            "aws_secret_access_key": session["SecretAccessKey"],
            "aws_session_token": session["SessionToken"],
        }
