"""Ways to tenants' data, for the contexts' own bootstraps."""

from typing import Any

import boto3

from tenantry.bootstrap import CONFIG
from tenantry.tenancy.sessions import Doorway, SessionKeys


def doorway(credentials: SessionKeys) -> Doorway:
    """What a tenant's session goes over into another AWS account by."""
    own: dict[str, Any] = {"config": CONFIG, **credentials}
    return Doorway(boto3.client("sts", **own), boto3.client("ssm", **own))
