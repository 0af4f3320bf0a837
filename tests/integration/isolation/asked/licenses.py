"""What is asked of licences across tenants."""

from functions.licenses import api
from tests.integration.isolation.asking import Question, Seeded, operated
from tests.integration.isolation.conftest import World, canary, tenant_id
from tests.integration.licenses.conftest import GIVEN


def seeded(world: World, tenant: int) -> Seeded:
    own = {
        "organizationId": tenant_id(tenant),
        "productId": canary(tenant, "product"),
        "contactFullName": canary(tenant, "contact"),
    }
    made = operated(world, api.handler, "createLicense", input={**GIVEN, **own})
    return Seeded(tenant, {"licenseId": made["id"]})


def _licence(other: Seeded, **more: str) -> dict[str, dict[str, str]]:
    return {"input": {"organizationId": other.tenant_id, **other.ids, "reason": "asked", **more}}


QUESTIONS = (
    Question(api.handler, "licenses", reads=True, names_none=True),
    Question(
        api.handler,
        "entitled",
        lambda other: {"productId": canary(other.number, "product")},
        names_none=True,
    ),
    Question(
        api.handler,
        "GET /api/entitlements",
        lambda other: {"productId": canary(other.number, "product")},
        names_none=True,
    ),
    Question(
        api.handler,
        "createLicense",
        lambda other: {
            "input": {**GIVEN, "organizationId": other.tenant_id, "serviceId": "engine.other"}
        },
        by_operators=True,
    ),
    Question(
        api.handler,
        "renewLicense",
        lambda other: _licence(other, endDate="2100-12-31"),
        by_operators=True,
    ),
    Question(api.handler, "revokeLicense", _licence, by_operators=True),
)
