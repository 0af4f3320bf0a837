"""The first answer of each function, and what gives the same answer on the usual stack."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.events import EMAIL, appsync, cognito, rest, sqs, stream


@dataclass(frozen=True)
class Case:
    """`function` by its name in the template; `answered` says whether what it gave is an answer."""

    name: str
    function: str
    event: dict[str, Any] = field(repr=False)
    answered: Callable[[Any], bool] = field(repr=False)
    baseline: str


def _data(answer: Any) -> bool:
    return "data" in answer


def _status(code: int) -> Callable[[Any], bool]:
    return lambda answer: bool(answer["statusCode"] == code)


def _returned(answer: Any) -> bool:
    return "triggerSource" in answer


def _all_done(answer: Any) -> bool:
    return bool(answer == {"batchItemFailures": []})


def _api(field_name: str, function: str, type_name: str = "Query", **arguments: Any) -> Case:
    event = appsync(field_name, type_name, **arguments)
    return Case(f"GraphQL {field_name}", function, event, _data, "graphql.handler")


def _trigger(
    name: str,
    source: str,
    version: str = "1",
    baseline: str = "triggers.handler",
    **request: Any,
) -> Case:
    function = f"Identity/{name}Function"
    event = cognito(source, version, **request)
    return Case(f"trigger {name}", function, event, _returned, baseline)


CASES = (
    _api("organization", "Organizations/ApiFunction"),
    Case(
        "REST POST /api/organizations",
        "Organizations/ApiFunction",
        rest("POST", "/api/organizations", {"name": "Analytical Engines"}),
        _status(201),
        "rest.handler",
    ),
    _api("activity", "Audit/ApiFunction", first=10),
    _api("me", "Identity/ApiFunction"),
    Case(
        "REST GET /health",
        "Health/ApiFunction",
        rest("GET", "/health"),
        _status(200),
        "rest.handler",
    ),
    _trigger(
        "PreSignUp",
        "PreSignUp_SignUp",
        validationData={},
        clientMetadata={"organization_name": "Analytical Engines"},
    ),
    _trigger("PostConfirmation", "PostConfirmation_ConfirmSignUp"),
    _trigger("PreAuthentication", "PreAuthentication_Authentication", userNotFound=False),
    _trigger("PostAuthentication", "PostAuthentication_Authentication", newDeviceUsed=False),
    _trigger(
        "PreTokenGeneration",
        "TokenGeneration_Authentication",
        version="2",
        scopes=["aws.cognito.signin.user.admin"],
        groupConfiguration={
            "groupsToOverride": [],
            "iamRolesToOverride": [],
            "preferredRole": None,
        },
    ),
    _trigger(
        "CustomMessage",
        "CustomMessage_SignUp",
        baseline="message_trigger.handler",
        codeParameter="{####}",
        linkParameter="{##Click Here##}",
        usernameParameter=None,
    ),
    _trigger(
        "UserMigration",
        "UserMigration_Authentication",
        user_name=EMAIL,
        password="not this one",
        validationData={},
    ),
    Case(
        "queue RecordEvents",
        "Audit/RecordEventsFunction",
        sqs(),
        _all_done,
        "queue_consumer.handler",
    ),
    Case(
        "stream PublishChanges",
        "Streams/PublishChangesFunction",
        stream(),
        _all_done,
        "stream_consumer.handler",
    ),
)
