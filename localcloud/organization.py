"""An AWS organisation on this machine: the management account beside the platform's.

Who deploys to AWS has one already; here it is made before the application is deployed, so that
organisations can have AWS accounts of their own.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from localcloud.errors import DeployFailedError
from localcloud.place import ACCOUNT_ID, REGION, Place

MANAGEMENT = "111111111111"
ROOT_EMAIL = "aws@tenantry.example"
EXTERNAL_ID = "local-platform-and-management"
UNITS = ("Tenants", "Quarantine")
GUARDRAIL = "tenants-guardrail"

_STACK = Path(__file__).parent.parent / "stacks/management-account-role.yaml"


def set_up(where: Place, deployment: str) -> dict[str, str]:
    """Make what is missing of the organisation; answers the application's parameters for it."""
    organizations = management(where, "organizations")
    root = organizations.list_roots()["Roots"][0]["Id"]
    units = _units(organizations, root)
    return {
        "VendorManagementRoleArn": _role(where, deployment),
        "VendorExternalId": EXTERNAL_ID,
        "VendorRootEmail": ROOT_EMAIL,
        "VendorUnit": units["Tenants"],
        "VendorQuarantineUnit": units["Quarantine"],
        "VendorRequiredPolicy": _guardrail(organizations, units["Tenants"]),
        "VendorMostClosures": "1000",
        # To be tried without being paid for.
        "DedicatedPlans": "FREE,STARTER,PROFESSIONAL,ENTERPRISE",
        # The local cloud has none of what watches an account.
        "DedicatedWatchers": "none",
    }


def management(where: Place, service: str) -> Any:
    """An AWS client that is root of the management account."""
    import boto3

    return boto3.client(
        service,  # type: ignore[call-overload]  # any service, by name
        endpoint_url=where.endpoint,
        region_name=REGION,
        aws_access_key_id=MANAGEMENT,
        aws_secret_access_key="test",
    )


def _units(organizations: Any, root: str) -> dict[str, str]:
    found = organizations.list_organizational_units_for_parent(ParentId=root)["OrganizationalUnits"]
    units = {unit["Name"]: str(unit["Id"]) for unit in found}
    for name in UNITS:
        if name not in units:
            made = organizations.create_organizational_unit(ParentId=root, Name=name)
            units[name] = str(made["OrganizationalUnit"]["Id"])
    return units


def _guardrail(organizations: Any, unit: str) -> str:
    kind = "SERVICE_CONTROL_POLICY"
    for policy in organizations.list_policies(Filter=kind)["Policies"]:
        if policy["Name"] == GUARDRAIL:
            return str(policy["Id"])
    made = organizations.create_policy(
        Name=GUARDRAIL, Description="What tenants' accounts may not do.", Content="{}", Type=kind
    )["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=made, TargetId=unit)
    return str(made)


def _role(where: Place, deployment: str) -> str:
    cloudformation = management(where, "cloudformation")
    name = f"{deployment}-vendor"
    given = {
        "Deployment": deployment,
        "PlatformAccountId": ACCOUNT_ID,
        "ExternalId": EXTERNAL_ID,
    }
    with suppress(cloudformation.exceptions.AlreadyExistsException):
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=_STACK.read_text(),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
        )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    if not outputs:
        raise DeployFailedError("The management account's role was not made.")
    return str(next(iter(outputs.values())))
