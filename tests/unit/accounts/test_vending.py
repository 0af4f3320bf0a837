"""What a deployment is told of its vendor, and the orders that follow from it."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pydantic import ValidationError

from tenantry.accounts.own_accounts import OwnAccounts
from tenantry.accounts.vending import (
    Credentials,
    Order,
    Progress,
    State,
    VendorKind,
    VendorSettings,
)
from tenantry.accounts.vendors.control_tower import ControlTowerVendor
from tenantry.runtime.settings import Settings
from tests.support.accounts import account
from tests.support.clock import START, FakeClock
from tests.support.fakes.vending import SETTINGS


def settings(**changes: object) -> VendorSettings:
    return VendorSettings.model_validate({**SETTINGS.model_dump(), **changes})


def test_the_same_account_has_the_same_order() -> None:
    assert SETTINGS.order("acme", "a-1") == SETTINGS.order("acme", "a-1")


def test_another_account_of_the_tenant_has_an_address_of_its_own() -> None:
    first, second = SETTINGS.order("acme", "a-1"), SETTINGS.order("acme", "a-2")

    assert first.email != second.email
    assert first.name != second.name


def test_the_address_is_a_plus_address_of_the_root_and_within_the_limits() -> None:
    order = SETTINGS.order("acme", "a-1")

    assert order.email == f"aws+{order.name}@example.com"
    assert len(order.email) <= 64
    assert len(order.name) <= 50


def test_an_order_carries_whose_it_is() -> None:
    order = SETTINGS.order("acme", "a-1")

    assert order.tags == {"tenant-id": "acme", "account-id": "a-1", "deployment": "tenantry"}


@pytest.mark.parametrize(
    "changes",
    [
        {"management_role_arn": "tenantry-vendor"},
        {"root_email": "aws+tenants@example.com"},
        {"root_email": "nobody"},
        {"root_email": f"{'a' * 40}@example.com"},
        {"unit": "Tenants"},
        {"most_creations": 0},
        {"kind": "control-tower"},
        {"kind": "control-tower", "product_id": "prod-1", "unit_name": "Tenants"},
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings(**changes)


def test_each_kind_has_its_role_to_enter_by() -> None:
    tower = settings(kind="control-tower", product_id="p", unit_name="T", sso_email="a@example.com")

    assert tower.kind is VendorKind.CONTROL_TOWER
    assert tower.access_role == "AWSControlTowerExecution"
    assert SETTINGS.access_role == "OrganizationAccountAccessRole"


def test_a_wait_is_not_the_end() -> None:
    over = {state for state in State if Progress(state=state).is_over}

    assert over == {State.DONE, State.FAILED}


def test_credentials_do_not_tell_themselves() -> None:
    shown = repr(Credentials("123456789012", "AKIA", "hush", "token", START))

    assert "hush" not in shown
    assert "token=" not in shown


GIVEN = {
    "kind": "organizations",
    "management_role_arn": "arn:aws:iam::111111111111:role/vendor",
    "root_email": "aws@example.com",
    "unit": "ou-root-tenants1",
    "quarantine_unit": "ou-root-quarantine",
    "external_id": "",
    "most_closures": "3",
    "product_id": "",
}


def told(**more: str) -> Settings:
    return Settings({"PREFIX": "tenantry-dev", "ACCOUNT_VENDOR": json.dumps({**GIVEN, **more})})


def test_a_function_is_told_by_its_environment() -> None:
    its = VendorSettings.from_settings(told())

    assert its.deployment == "tenantry-dev"
    assert its.kind is VendorKind.ORGANIZATIONS
    assert its.external_id == ""
    assert its.most_closures == 3
    assert its.most_creations == 5


@pytest.mark.parametrize(
    "missing", ["management_role_arn", "root_email", "unit", "quarantine_unit"]
)
def test_what_is_missing_is_named(missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        VendorSettings.from_settings(told(**{missing: ""}))


def test_without_anything_it_is_named_too() -> None:
    with pytest.raises(LookupError, match="ACCOUNT_VENDOR"):
        VendorSettings.from_settings(Settings({"PREFIX": "tenantry-dev"}))


# whose accounts are


@pytest.mark.parametrize(
    ("email", "tags", "ours"),
    [
        ("aws+tenantry-0123456789abcdef@example.com", {}, True),
        ("AWS+Tenantry-0123456789ABCDEF@example.com", {}, True),
        ("aws+tenantry-dev-anna-0123456789abcdef@example.com", {}, False),
        ("aws+tenantry-0123456789abcdef0@example.com", {}, False),
        ("aws+tenantry-somebody@example.com", {}, False),
        ("aws+tenantry-0123456789abcdef@example.com.evil.org", {}, False),
        ("aws+tenantry-0123456789abcdef@exampleXcom", {}, False),
        ("aws+tenantry-0123456789abcdef@example.com", {"deployment": "another"}, False),
        ("somebody@example.com", {"deployment": "tenantry"}, True),
        ("somebody@example.com", {"deployment": "tenantry-dev-anna"}, False),
        ("somebody@example.com", {}, False),
    ],
)
def test_an_account_is_ours_by_its_tag_or_by_the_whole_of_its_address(
    email: str, tags: dict[str, str], ours: bool
) -> None:
    assert SETTINGS.owns(email, tags) is ours


def test_every_order_is_known_by_its_address_alone() -> None:
    assert SETTINGS.owns(SETTINGS.order("acme", "a-1").email, {})


# Control Tower


class Catalog:
    """A Service Catalog with one product that failed before it had an account."""

    def __init__(self, order: Order, status: str = "ERROR") -> None:
        self.products = {order.name: {"Id": "pp-1", "Status": status, "LastRecordId": "rec-1"}}
        self.terminated: list[str] = []

    def describe_provisioned_product(self, Name: str) -> dict[str, Any]:  # noqa: N803 - AWS's
        if Name not in self.products:
            error = {"Error": {"Code": "ResourceNotFoundException", "Message": "none"}}
            raise ClientError(error, "DescribeProvisionedProduct")  # type: ignore[arg-type]
        return {"ProvisionedProductDetail": {"Name": Name, **self.products[Name]}}

    def describe_record(self, Id: str) -> dict[str, Any]:  # noqa: N803 - AWS's
        return {"RecordDetail": {"RecordId": Id, "Status": "FAILED"}, "RecordOutputs": []}

    def terminate_provisioned_product(self, **request: str) -> dict[str, Any]:
        self.terminated.append(request["ProvisionedProductId"])
        self.products.clear()
        return {"RecordDetail": {"RecordId": "rec-2"}}


def test_a_product_that_failed_without_an_account_does_not_stay_behind() -> None:
    tower = settings(
        kind=VendorKind.CONTROL_TOWER,
        product_id="prod-1",
        unit_name="Tenants",
        sso_email="ops@example.com",
    )
    catalog = Catalog(tower.order("acme", "a-1"))
    management = SimpleNamespace(
        servicecatalog=catalog,
        organizations=SimpleNamespace(list_accounts=lambda: {"Accounts": []}),
    )
    vendor = ControlTowerVendor(management, tower, FakeClock())  # type: ignore[arg-type]
    own = OwnAccounts(vendor, tower)
    its = account("dedicated")

    assert not own.given_up(its)  # it is being taken away
    assert own.given_up(its)

    assert catalog.terminated == ["pp-1"]
