"""What is asked of usage across tenants; its fields are the organisation's."""

from functions.organizations import api
from tests.integration.isolation.asking import Question, Seeded
from tests.integration.isolation.conftest import World


def seeded(world: World, tenant: int) -> Seeded:
    return Seeded(tenant, {})


QUESTIONS = (
    Question(api.handler, "usage", names_none=True),
    Question(api.handler, "storageUsage", lambda _: {"first": 1}, names_none=True),
    Question(api.handler, "GET /api/usage", names_none=True),
)
