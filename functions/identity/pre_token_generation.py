"""Cognito PreTokenGeneration V2: organisation, role, plan and groups, in both tokens.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html
"""

from typing import Any

from tenantry.identity.bootstrap.people import arrivals
from tenantry.identity.model import groups_of
from tenantry.identity.triggers import arrival_of, cause_of
from tenantry.runtime.cognito import trigger


@trigger
def handler(event: dict[str, Any]) -> None:
    arrival = arrival_of(event)
    grant = arrivals().grant(arrival, cause_of(arrival))
    claims = grant.claims if grant else {}
    pool = event["request"].get("groupConfiguration") or {}
    event["response"]["claimsAndScopeOverrideDetails"] = {
        "idTokenGeneration": {"claimsToAddOrOverride": claims},
        "accessTokenGeneration": {"claimsToAddOrOverride": claims},
        "groupOverrideDetails": {
            "groupsToOverride": groups_of(grant, pool.get("groupsToOverride") or []),
            "iamRolesToOverride": pool.get("iamRolesToOverride") or [],
            "preferredRole": pool.get("preferredRole") or "",
        },
    }
