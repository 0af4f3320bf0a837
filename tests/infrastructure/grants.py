"""Words in which `roles/` says what a role may do: (action, resource) and (action, key)."""

PLATFORM = "table/${PlatformTable}"
MEMBERSHIPS = f"{PLATFORM}/index/GSI1"
DUE = f"{PLATFORM}/index/GSI2"
AUDIT = "table/${AuditTable}"
OWN_TABLES = "table/${Prefix}-account-*"
OWN_BUCKETS = "${Prefix}-account-*"
BUS = "event-bus/${EventBus}"
EXTERNAL_IDS = "parameter/${Prefix}/accounts/*/external-id"


def of(resource: str, *actions: str) -> set[tuple[str, str]]:
    return {(action, resource) for action in actions}


def items(resource: str, *actions: str) -> set[tuple[str, str]]:
    return of(resource, *(f"dynamodb:{action}" for action in actions))


def keys(key: str, *actions: str) -> set[tuple[str, str]]:
    return of(key, *(f"dynamodb:{action}" for action in actions))
