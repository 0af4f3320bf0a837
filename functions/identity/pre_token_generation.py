"""Cognito PreTokenGeneration V2: organisation, role, plan and groups, in both tokens.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html
"""

from typing import Any

from tenantry.identity.bootstrap.arrivals import arrivals
from tenantry.identity.model import groups_of
from tenantry.identity.triggers import arrival_of, cause_of
from tenantry.runtime.cognito import trigger

_ROLES = ("iamRolesToOverride", "preferredRole")


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
            # Said even when there are none: unsaid, the pool's own groups would stay.
            "groupsToOverride": groups_of(grant, pool.get("groupsToOverride") or []),
            **{name: pool[name] for name in _ROLES if pool.get(name)},
        },
    }
