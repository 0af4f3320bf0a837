"""What the client sees when a trigger fails, or may not be invoked.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
https://repost.aws/knowledge-center/cognito-lambda-trigger-errors
"""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.place import ACCOUNT_ID


@pytest.mark.parametrize(
    "returned", [None, {}, "event", [], {"response": "yes"}, {"response": {"autoConfirmUser": "y"}}]
)
def test_an_answer_that_is_no_event_is_refused(
    directories: Any, refused: Any, returned: Any
) -> None:
    directory = directories(("PreSignUp",))
    directory.tell("PreSignUp_SignUp", returns=returned)

    assert refused(directory.sign_up) == (
        "InvalidLambdaResponseException",
        "Unrecognizable lambda output",
    )


def test_a_function_that_is_gone(directories: Any, refused: Any) -> None:
    directory = directories(("PreSignUp",), function="contract-no-such-function")

    assert refused(directory.sign_up) == (
        "UnexpectedLambdaException",
        "PreSignUp invocation failed due to error ResourceNotFoundException.",
    )


@pytest.fixture(scope="module")
def function(functions: Any) -> str:
    """A function that nobody may invoke yet."""
    name: str = functions.create("def handler(event, context):\n    return event\n")
    return name


class TestPermission:
    """The function's resource policy has to let Cognito invoke it for the pool."""

    def permitted(self, client: Any, function: str, **condition: str) -> None:
        client("lambda").add_permission(
            FunctionName=function,
            StatementId="cognito",
            Action="lambda:InvokeFunction",
            Principal="cognito-idp.amazonaws.com",
            **condition,
        )

    @pytest.fixture(autouse=True)
    def forgotten(self, client: Any, function: str) -> Any:
        yield
        lambda_client = client("lambda")
        try:
            lambda_client.remove_permission(FunctionName=function, StatementId="cognito")
        except lambda_client.exceptions.ResourceNotFoundException:
            return

    @pytest.mark.parametrize(
        "condition",
        [
            None,
            {"SourceAccount": "111111111111"},
            {"SourceArn": f"arn:aws:cognito-idp:eu-central-1:{ACCOUNT_ID}:userpool/another"},
        ],
        ids=["none", "another account", "another pool"],
    )
    def test_is_needed(
        self, client: Any, directories: Any, refused: Any, function: str, condition: Any
    ) -> None:
        directory = directories(("PreSignUp",), function=function)
        if condition:
            self.permitted(client, function, **condition)

        assert refused(directory.sign_up) == (
            "UnexpectedLambdaException",
            "PreSignUp invocation failed due to error AccessDeniedException.",
        )

    def test_for_the_pool_is_enough(self, client: Any, directories: Any, function: str) -> None:
        directory = directories(("PreSignUp",), function=function)
        arn = f"arn:aws:cognito-idp:eu-central-1:{ACCOUNT_ID}:userpool/{directory.pool}"
        self.permitted(client, function, SourceArn=arn)

        directory.sign_up()

        assert directory.exists()
