"""The dead letters' API function: what operators see of them, and send back."""

from typing import Any

from aws_lambda_powertools.event_handler import AppSyncResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.deadletters.bootstrap import dead_letter_service
from tenantry.runtime.appsync import answer
from tenantry.runtime.observability import logger

app = AppSyncResolver()


@app.resolver(type_name="Query", field_name="deadLetters")
def dead_letters() -> list[dict[str, Any]]:
    places = dead_letter_service().waiting(app.context["caller"])
    return [{"name": p.name, "kind": p.kind, "waiting": p.waiting} for p in places]


@app.resolver(type_name="Mutation", field_name="redriveDeadLetters")
def redrive_dead_letters(input: dict[str, Any]) -> dict[str, Any]:
    moved = dead_letter_service().redrive(app.context["caller"], input)
    return {
        "name": moved.place,
        "moved": moved.moved,
        "stayed": moved.stayed,
        "causes": list(moved.kinds),
    }


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context)
