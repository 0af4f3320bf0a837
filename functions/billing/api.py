"""The billing context's API function: its GraphQL fields, and the door for Stripe's notices."""

import base64
from typing import Any

from aws_lambda_powertools.event_handler import AppSyncResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.billing.replies import change_reply, subscription_reply
from tenantry.billing.bootstrap import billing_service, grant_service, notice_service
from tenantry.billing.model import Subscription
from tenantry.runtime.appsync import answer
from tenantry.runtime.observability import annotate, logger
from tenantry.runtime.rest import rest_resolver

fields = AppSyncResolver()
routes = rest_resolver()


@fields.resolver(type_name="Query", field_name="subscription")
def subscription() -> dict[str, Any]:
    return _shown(billing_service().read(fields.context["caller"]))


@fields.resolver(type_name="Mutation", field_name="updateSubscription")
def update_subscription(input: dict[str, Any]) -> dict[str, Any]:
    service = billing_service()
    return change_reply(service.update(fields.context["caller"], input), service.billing)


@fields.resolver(type_name="Mutation", field_name="startTrial")
def start_trial(input: dict[str, Any] | None = None) -> dict[str, Any]:
    return _shown(billing_service().start_trial(fields.context["caller"], input))


@fields.resolver(type_name="Mutation", field_name="cancelSubscription")
def cancel_subscription(input: dict[str, Any] | None = None) -> dict[str, Any]:
    return _shown(billing_service().cancel(fields.context["caller"], input))


@fields.resolver(type_name="Mutation", field_name="resumeSubscription")
def resume_subscription() -> dict[str, Any]:
    return _shown(billing_service().resume(fields.context["caller"]))


@fields.resolver(type_name="Mutation", field_name="grantPlan")
def grant_plan(organizationId: str, plan: str, until: str, reason: str) -> dict[str, Any]:  # noqa: N803 - schema
    caller = fields.context["caller"]
    return _shown(grant_service().grant(caller, organizationId, plan, until, reason))


@fields.resolver(type_name="Mutation", field_name="createCheckoutSession")
def create_checkout_session(input: dict[str, Any]) -> dict[str, Any]:
    return {"url": billing_service().checkout(fields.context["caller"], input)}


@fields.resolver(type_name="Mutation", field_name="createPortalSession")
def create_portal_session() -> dict[str, Any]:
    return {"url": billing_service().portal(fields.context["caller"])}


@routes.post("/api/webhooks/stripe")
def receive_notice() -> Response[dict[str, Any]]:
    """Take a notice of Stripe's; 200 as soon as it is queued, or when it is of no use here."""
    event = routes.current_event.raw_event
    annotate(correlation_id=event.get("requestContext", {}).get("requestId"))
    # As it came, byte for byte: Stripe has signed that and nothing else.
    text = event.get("body") or ""
    payload = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode()
    signature = routes.current_event.headers.get("stripe-signature") or ""
    notice = notice_service().receive(payload, signature)
    if notice is not None:
        logger.info("queued", notice_id=notice.event_id, notice_type=notice.type)
    return Response(200, "application/json", {"received": True})


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A resolver's event names its field (`info`), a REST request its method."""
    if "info" in event:
        return answer(fields, event, context)
    return routes.resolve(event, context)


def _shown(subscription: Subscription) -> dict[str, Any]:
    return subscription_reply(subscription, billing_service().billing)
