"""Account Factory's product makes accounts in its own time, as Control Tower does.

https://docs.aws.amazon.com/servicecatalog/latest/dg/API_ProvisionProduct.html
https://docs.aws.amazon.com/servicecatalog/latest/dg/API_DescribeRecord.html
https://docs.aws.amazon.com/servicecatalog/latest/dg/API_SearchProvisionedProducts.html
https://docs.aws.amazon.com/servicecatalog/latest/dg/API_DescribeProvisionedProduct.html
https://docs.aws.amazon.com/servicecatalog/latest/dg/API_UpdateProvisionedProduct.html
https://docs.aws.amazon.com/servicecatalog/latest/dg/API_TerminateProvisionedProduct.html
https://docs.aws.amazon.com/controltower/latest/userguide/automated-provisioning-walkthrough.html
https://docs.aws.amazon.com/controltower/latest/userguide/unmanage-account.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.place import REGION, Place


@dataclass(frozen=True)
class Tower:
    """A management account of the test's own, with a unit."""

    place: Place
    number: str
    unit: str = ""

    def client(self, service: str, **keys: str) -> Any:
        root = {"aws_access_key_id": self.number, "aws_secret_access_key": "test"}
        return boto3.client(
            service,  # type: ignore[call-overload]  # any service, by name
            endpoint_url=self.place.endpoint,
            region_name=REGION,
            config=Config(retries={"total_max_attempts": 1}),
            **(keys or root),
        )

    def provision(self, name: str, token: str = "", **parameters: str) -> dict[str, Any]:
        given = {
            "AccountName": name,
            "AccountEmail": f"{name}@example.com",
            "ManagedOrganizationalUnit": f"Tenants ({self.unit})",
            "SSOUserEmail": "owner@example.com",
            "SSOUserFirstName": "Ada",
            "SSOUserLastName": "Owner",
            **parameters,
        }
        record: dict[str, Any] = self.client("servicecatalog").provision_product(
            ProductId="prod-factory",
            ProvisioningArtifactId="pa-factory",
            ProvisionedProductName=name,
            ProvisionToken=token or name,
            ProvisioningParameters=[{"Key": k, "Value": v} for k, v in given.items() if v],
        )["RecordDetail"]
        return record

    def ended(self, record: str) -> dict[str, Any] | None:
        answer: dict[str, Any] = self.client("servicecatalog").describe_record(Id=record)
        return answer if answer["RecordDetail"]["Status"] in ("SUCCEEDED", "FAILED") else None

    def products(self, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client("servicecatalog").search_provisioned_products(
            AccessLevelFilter={"Key": "Account", "Value": "self"}, Filters={"SearchQuery": [query]}
        )["ProvisionedProducts"]
        return found


@pytest.fixture
def tower(cloud: Place, name: str) -> Tower:
    number = f"8{int(name.rpartition('-')[2]):011d}"
    organizations = Tower(cloud, number).client("organizations")
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name="Tenants")
    return Tower(cloud, number, unit["OrganizationalUnit"]["Id"])


def outputs(answer: dict[str, Any]) -> dict[str, str]:
    return {each["OutputKey"]: each["OutputValue"] for each in answer["RecordOutputs"]}


def may_enter(tower: Tower, account: str) -> bool:
    try:
        tower.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/AWSControlTowerExecution", RoleSessionName="tower"
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False
    return True


def test_a_product_becomes_an_account(tower: Tower, until: Any, name: str) -> None:
    record = tower.provision(name)
    tower.provision(f"{name}-slow")
    meanwhile = tower.products(f"name:{name}-slow")[0]["Status"]

    answer = until(lambda: tower.ended(record["RecordId"]))

    assert (record["Status"], record["RecordType"]) == ("CREATED", "PROVISION_PRODUCT")
    assert meanwhile == "UNDER_CHANGE"
    assert answer["RecordDetail"]["Status"] == "SUCCEEDED"
    account = outputs(answer)["AccountId"]
    (product,) = tower.products(f"physicalId:{account}")
    assert (product["Status"], product["Type"]) == ("AVAILABLE", "CONTROL_TOWER_ACCOUNT")
    organizations = tower.client("organizations")
    assert organizations.describe_account(AccountId=account)["Account"]["Email"] == (
        f"{name}@example.com"
    )
    assert organizations.list_parents(ChildId=account)["Parents"][0]["Id"] == tower.unit
    assert may_enter(tower, account)


def test_a_token_is_one_request(tower: Tower, name: str) -> None:
    assert tower.provision(name)["RecordId"] == tower.provision(name)["RecordId"]


def test_a_name_is_one_product(tower: Tower, name: str) -> None:
    tower.provision(name)

    with pytest.raises(ClientError) as refused:
        tower.provision(name, token=f"{name}-other")
    assert refused.value.response["Error"]["Code"] == "InvalidParametersException"
    assert "already exists" in refused.value.response["Error"]["Message"]


def test_five_products_change_at_a_time(tower: Tower, name: str) -> None:
    for number in range(5):
        tower.provision(f"{name}-{number}-slow")

    with pytest.raises(ClientError) as refused:
        tower.provision(f"{name}-6-slow")
    assert "operation is in progress. Try again later" in str(refused.value)


@pytest.mark.parametrize("missing", ["AccountEmail", "SSOUserEmail", "ManagedOrganizationalUnit"])
def test_every_parameter_is_needed(tower: Tower, name: str, missing: str) -> None:
    with pytest.raises(ClientError) as refused:
        tower.provision(name, **{missing: ""})
    assert refused.value.response["Error"]["Code"] == "InvalidParametersException"


def test_a_unit_outside_of_the_tower_is_an_error_of_the_product(
    tower: Tower, until: Any, name: str
) -> None:
    record = tower.provision(name, ManagedOrganizationalUnit="Others (ou-none-00000000)")

    answer = until(lambda: tower.ended(record["RecordId"]))

    assert answer["RecordDetail"]["Status"] == "FAILED"
    assert answer["RecordDetail"]["RecordErrors"]
    product = tower.client("servicecatalog").describe_provisioned_product(Name=name)
    assert product["ProvisionedProductDetail"]["Status"] == "ERROR"


def test_what_failed_is_asked_for_again(tower: Tower, until: Any, name: str) -> None:
    record = tower.provision(name, ManagedOrganizationalUnit="Others (ou-none-00000000)")
    failed = until(lambda: tower.ended(record["RecordId"]))["RecordDetail"]

    parameters = {
        "AccountName": name,
        "AccountEmail": f"{name}@example.com",
        "ManagedOrganizationalUnit": f"Tenants ({tower.unit})",
        "SSOUserEmail": "owner@example.com",
        "SSOUserFirstName": "Ada",
        "SSOUserLastName": "Owner",
    }
    again = tower.client("servicecatalog").update_provisioned_product(
        ProvisionedProductId=failed["ProvisionedProductId"],
        ProvisioningParameters=[{"Key": k, "Value": v} for k, v in parameters.items()],
        UpdateToken=f"{name}-again",
    )["RecordDetail"]["RecordId"]

    assert until(lambda: tower.ended(again))["RecordDetail"]["Status"] == "SUCCEEDED"


def test_terminating_takes_an_account_out_and_closes_nothing(
    tower: Tower, until: Any, name: str
) -> None:
    made = until(lambda: tower.ended(tower.provision(name)["RecordId"]))
    account = outputs(made)["AccountId"]

    record = tower.client("servicecatalog").terminate_provisioned_product(
        ProvisionedProductId=made["RecordDetail"]["ProvisionedProductId"], TerminateToken=name + "t"
    )["RecordDetail"]
    until(lambda: tower.ended(record["RecordId"]))

    assert tower.products(f"physicalId:{account}") == []
    organizations = tower.client("organizations")
    root = organizations.list_roots()["Roots"][0]["Id"]
    assert organizations.describe_account(AccountId=account)["Account"]["State"] == "ACTIVE"
    assert organizations.list_parents(ChildId=account)["Parents"][0]["Id"] == root
    assert not may_enter(tower, account)


def test_a_role_needs_the_right_to_provision(tower: Tower, name: str) -> None:
    iam, trust = tower.client("iam"), f"arn:aws:iam::{tower.number}:root"
    iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"AWS": trust}, "Action": "sts:AssumeRole"}
                ],
            }
        ),
    )
    iam.put_role_policy(
        RoleName=name,
        PolicyName="looks",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "servicecatalog:SearchProvisionedProducts",
                        "Resource": "*",
                    }
                ],
            }
        ),
    )
    session = tower.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{tower.number}:role/{name}", RoleSessionName=name
    )["Credentials"]
    catalog = tower.client(
        "servicecatalog",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )

    assert catalog.search_provisioned_products()["ProvisionedProducts"] == []
    with pytest.raises(ClientError) as denied:
        catalog.terminate_provisioned_product(ProvisionedProductId="pp-1", TerminateToken="t")
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"
