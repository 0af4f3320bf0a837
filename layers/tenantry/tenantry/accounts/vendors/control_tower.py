"""Adapter: AWS accounts by Control Tower's Account Factory, a product of Service Catalog.

A provisioned product's name is unique, and so is the account's e-mail address: what an order made
is found by its name, and the product tells its account. Control Tower makes the account by
Organizations, enrols it and puts it in its unit; it does five things at a time, and one with an
account.

A product that failed is mended: where it has an account, by asking for the same again
(UpdateProvisionedProduct enrols what is there), else by taking the product away and another one.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from botocore.exceptions import ClientError

from tenantry.accounts.vending import Order, Progress, State
from tenantry.accounts.vendors.organizations import BUSY, CLOSED, OrganizationsVendor
from tenantry.errors import UnavailableError
from tenantry.runtime.services import reached

REPLACED: Final = "REPLACED"

_TYPE: Final = "CONTROL_TOWER_ACCOUNT"
_BROKEN: Final = frozenset({"ERROR", "TAINTED"})
_REFUSED: Final = frozenset({"DuplicateResourceException", "InvalidParametersException"})
_BUSY: Final = frozenset({"TooManyRequestsException", "LimitExceededException"})
_GONE: Final = frozenset({"ResourceNotFoundException"})
_IN_PROGRESS: Final = ("in progress", "try again")
"""Control Tower has no code for it that is at work on something else."""
_TRIES: Final = 3
_WHAT: Final = "AWS Service Catalog"


class ControlTowerVendor(OrganizationsVendor):
    """Placing, closing and finding are Organizations' as well."""

    def begin(self, order: Order) -> Progress:
        product = self._product(order.name)
        if product and product["Status"] in _BROKEN:
            return self._mended(order, product)
        if product:
            return self._of_product(order, product)
        there = self._by_email(order)
        if there and there.cause == CLOSED:
            return there
        if cause := self._no_room():
            return Progress(state=State.WAITING, cause=cause)
        return self._provisioned(order)

    def _provisioned(self, order: Order) -> Progress:
        token = _token("provision", order)
        for _ in range(_TRIES):
            try:
                record = self._provision(order, token)
            except ClientError as error:
                # A name that is taken has no code of its own.
                there = self._product(order.name) if _code(error) in _REFUSED else None
                return self._of_product(order, there) if there else _refusal(error)
            there = self._product(order.name)
            if progress := self._of_product(order, there) if there else self._of_record(record):
                return progress
            # The token is remembered for a product that has been taken away since.
            token = _token(f"after-{record}", order)
        return Progress(state=State.WAITING, cause=BUSY)

    def look(self, order: Order, request: str | None = None) -> Progress:
        if request and (progress := self._of_record(request)):
            return progress
        if product := self._product(order.name):
            return self._of_product(order, product)
        there = self._by_email(order)
        if there is None or there.cause == CLOSED:
            return there or Progress(state=State.WAITING)
        # Nothing governs it (yet, or any more): whoever gives it up still has to close it.
        return Progress(state=State.WAITING, aws_account_id=there.aws_account_id)

    def withdraw(self, order: Order) -> Progress:
        product = self._product(order.name)
        if product is None:
            return Progress(state=State.DONE)
        running = Progress(state=State.RUNNING, request=product.get("LastRecordId"))
        if product["Status"] not in ("AVAILABLE", *_BROKEN):
            return running
        return self._terminated(product, running)

    def release(self, aws_account_id: str) -> Progress:
        """Terminating takes the account out of Control Tower, into the root and without its
        execution role; it closes nothing."""
        product = self._product_of(aws_account_id)
        if product is None:
            return Progress(state=State.DONE, aws_account_id=aws_account_id)
        running = Progress(state=State.RUNNING, aws_account_id=aws_account_id)
        if product["Status"] == "UNDER_CHANGE":
            return running.model_copy(update={"request": product.get("LastRecordId")})
        return self._terminated(product, running)

    # inside

    def _provision(self, order: Order, token: str) -> str:
        answer = self._asked(
            "provision_product",
            ProvisionedProductName=order.name,
            ProvisionToken=token,
            Tags=[{"Key": key, "Value": tag} for key, tag in order.tags.items()],
            **self._parameters(order),
        )
        return str(answer["RecordDetail"]["RecordId"])

    def _mended(self, order: Order, product: Mapping[str, Any]) -> Progress:
        if self._made(order, product) is None:
            waiting = Progress(state=State.WAITING, cause=REPLACED)
            return self._terminated(product, waiting)
        try:
            record = self._asked(
                "update_provisioned_product",
                ProvisionedProductId=product["Id"],
                UpdateToken=_token(f"update-{product['LastRecordId']}", order),
                **self._parameters(order),
            )["RecordDetail"]
        except ClientError as error:
            return _refusal(error)
        return Progress(state=State.RUNNING, request=record["RecordId"])

    def _terminated(self, product: Mapping[str, Any], then: Progress) -> Progress:
        last = product.get("LastRecordId", "")
        try:
            record = self._asked(
                "terminate_provisioned_product",
                ProvisionedProductId=product["Id"],
                # Another try after one that failed is another request, the same try is not.
                TerminateToken=hashlib.sha256(f"{product['Id']}/{last}".encode()).hexdigest()[:32],
            )["RecordDetail"]
        except ClientError as error:
            if _code(error) in _GONE:
                return then.model_copy(
                    update={"state": State.DONE if then.aws_account_id else then.state}
                )
            refused = _refusal(error)
            return refused.model_copy(update={"aws_account_id": then.aws_account_id})
        return then.model_copy(update={"request": record["RecordId"]})

    def _of_product(self, order: Order, product: Mapping[str, Any]) -> Progress:
        status, record = product["Status"], product.get("LastRecordId")
        if status not in ("AVAILABLE", *_BROKEN):
            return Progress(state=State.RUNNING, request=record)
        account = self._made(order, product)
        if status in _BROKEN:
            return Progress(
                state=State.FAILED,
                request=record,
                aws_account_id=account,
                cause=self._cause(record),
            )
        if account is None:
            return Progress(state=State.FAILED, request=record, cause="NO_ACCOUNT")
        return self._standing(account).model_copy(update={"request": record})

    def _of_record(self, request: str) -> Progress | None:
        """How far a request is; None when it is over, as the product tells how."""
        try:
            record = self._asked("describe_record", Id=request)["RecordDetail"]
        except ClientError as error:
            if _code(error) in _GONE:
                return None
            raise
        if record["Status"] in ("SUCCEEDED", "FAILED"):
            return None
        return Progress(state=State.RUNNING, request=request)

    def _made(self, order: Order, product: Mapping[str, Any]) -> str | None:
        """The product's account, which may be there although enrolling it failed."""
        record = product.get("LastSuccessfulProvisioningRecordId") or product.get("LastRecordId")
        outputs = self._asked("describe_record", Id=record)["RecordOutputs"] if record else []
        for each in outputs:
            if each["OutputKey"] == "AccountId":
                return str(each["OutputValue"])
        found = self._by_email(order)
        return found.aws_account_id if found else None

    def _cause(self, record: str | None) -> str:
        """The code of what went wrong; Control Tower has mostly words, which the record keeps."""
        errors = (
            self._asked("describe_record", Id=record)["RecordDetail"].get("RecordErrors", [])
            if record
            else []
        )
        return str(errors[0].get("Code") or "PRODUCT_FAILED") if errors else "PRODUCT_FAILED"

    def _product(self, name: str) -> Mapping[str, Any] | None:
        try:
            answer = self._asked("describe_provisioned_product", Name=name)
        except ClientError as error:
            if _code(error) in _GONE:
                return None
            raise
        found: Mapping[str, Any] = answer["ProvisionedProductDetail"]
        return found

    def _product_of(self, aws_account_id: str) -> Mapping[str, Any] | None:
        """By the name that we gave both, or whoever enrolled it."""
        account = self._account(aws_account_id)
        named = self._product(account["Name"]) if account else None
        return named or next(self._products(f"physicalId:{aws_account_id}"), None)

    def _making(self) -> int:
        changing = self._products("status:UNDER_CHANGE")
        return sum(each.get("Type") == _TYPE for each in changing)

    def _enrolled(self) -> frozenset[str]:
        found = self._products(f"type:{_TYPE}")
        return frozenset(
            known for each in found for known in (each.get("PhysicalId"), each["Name"]) if known
        )

    def _products(self, query: str) -> Iterator[Mapping[str, Any]]:
        """Whoever provisioned them: an earlier session of ours is another user."""
        more: dict[str, str] = {}
        while True:
            page = self._asked(
                "search_provisioned_products",
                AccessLevelFilter={"Key": "Account", "Value": "self"},
                Filters={"SearchQuery": [query]},
                PageSize=100,
                **more,
            )
            yield from page["ProvisionedProducts"]
            if not page.get("NextPageToken"):
                return
            more = {"PageToken": page["NextPageToken"]}

    def _parameters(self, order: Order) -> dict[str, Any]:
        settings = self._settings
        artifact = (
            {"ProvisioningArtifactId": settings.artifact_id}
            if settings.artifact_id
            else {"ProvisioningArtifactName": "AWS Control Tower Account Factory"}
        )
        parameters = {
            "AccountName": order.name,
            "AccountEmail": order.email,
            "ManagedOrganizationalUnit": f"{settings.unit_name} ({order.unit})",
            "SSOUserEmail": settings.sso_email,
            "SSOUserFirstName": settings.sso_first_name,
            "SSOUserLastName": settings.sso_last_name,
        }
        return {
            "ProductId": settings.product_id,
            **artifact,
            "ProvisioningParameters": [
                {"Key": key, "Value": text} for key, text in parameters.items()
            ],
        }

    def _asked(self, operation: str, **request: Any) -> Any:
        with reached(_WHAT), _refusals(operation):
            return getattr(self._management.servicecatalog, operation)(**request)


@contextmanager
def _refusals(operation: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        reads = operation.startswith(("describe_", "search_"))
        if _code(error) in _BUSY and reads:
            raise UnavailableError(f"{_WHAT} is busy right now; try again.") from error
        raise


def _refusal(error: ClientError) -> Progress:
    """A wait where the factory is at work on something else."""
    message = str(error.response["Error"].get("Message", "")).lower()
    if _code(error) in _BUSY or all(words in message for words in _IN_PROGRESS):
        return Progress(state=State.WAITING, cause=BUSY)
    if _code(error) in (*_REFUSED, *_GONE):
        return Progress(state=State.FAILED, cause=_code(error))
    raise error


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def _token(what: str, order: Order) -> str:
    """The same for the same try: a request whose answer was lost is not made twice."""
    return hashlib.sha256(f"{what}/{order.email}/{order.attempt}".encode()).hexdigest()[:32]
