"""What organisations' own AWS accounts tell of their tables becomes events on the bus."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.messaging.bootstrap import admission
from tenantry.runtime.batch import work
from tenantry.runtime.observability import annotated, logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Admit a batch of changes; those that are not believed, or not taken, come back alone."""

    def admit(body: str) -> None:
        for envelope in admission().admit(body):
            with annotated(**envelope.trail):
                logger.info("published")

    return work(event, context, admit)
