"""An AWS account of an organisation's own by Control Tower, from request to certificate."""

import pytest

from tenantry.accounts.certificate import Certificate
from tenantry.accounts.model import OperationStatus
from tenantry.accounts.vending import State, VendorKind
from tests.contracts.accounts.test_vendors import LocalWorld
from tests.integration.accounts.provisioned import Provisioned, active, provisioned, torn_down
from tests.support.ministack import MiniStack

__all__ = ["provisioned"]


@pytest.fixture
def vendor(ministack: MiniStack) -> LocalWorld:
    return LocalWorld(ministack, VendorKind.CONTROL_TOWER)


def test_an_account_is_a_product_of_the_factory_and_ends_with_it(
    provisioned: Provisioned, vendor: LocalWorld
) -> None:
    account = active(provisioned)
    number = account.aws_account_id
    assert number
    organizations = vendor.management("organizations")
    products = vendor.management("servicecatalog").search_provisioned_products()
    assert [each["Status"] for each in products["ProvisionedProducts"]] == ["AVAILABLE"]
    assert vendor.unit_of(number) == vendor.settings.unit
    (lodging,) = vendor.vendor.find("acme")
    assert (lodging.is_open, lodging.is_enrolled) == (True, True)
    roles = vendor.cloud.client(
        "iam", {"aws_access_key_id": number, "aws_secret_access_key": "test"}
    ).list_roles()["Roles"]
    names = {each["RoleName"] for each in roles}
    assert "AWSControlTowerExecution" in names
    assert "OrganizationAccountAccessRole" not in names

    operation = torn_down(provisioned, account)

    assert operation.status is OperationStatus.SUCCEEDED, operation
    products = vendor.management("servicecatalog").search_provisioned_products()
    assert products["ProvisionedProducts"] == []
    assert organizations.describe_account(AccountId=number)["Account"]["Status"] == "SUSPENDED"
    assert vendor.unit_of(number) == vendor.settings.quarantine_unit
    archive = f"{vendor.settings.deployment}-archive"
    s3 = vendor.cloud.client("s3")
    body = s3.get_object(Bucket=archive, Key=operation.certificate)["Body"].read()
    said = Certificate.read(body).statement
    assert said.left.is_empty
    assert [each for each in said.kept if number in each.what]
    assert vendor.vendor.close(number).state is State.DONE
