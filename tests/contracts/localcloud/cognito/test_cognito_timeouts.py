"""How long Cognito waits for a trigger, and how often: the calls began with the session.

"When called, your Lambda function must respond within 5 seconds. If it doesn't and if the call
can be retried, Amazon Cognito retries the call. After three unsuccessful attempts, the function
times out."
https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

from __future__ import annotations

from typing import Any


def test_five_seconds_without_an_answer_are_a_second_try(patience: Any) -> None:
    directory, error = patience["slow_once"].result(timeout=60)

    assert error is None
    assert directory.sources() == ["PreSignUp_SignUp"] * 2
    assert directory.exists()


def test_three_tries_are_all(patience: Any, until: Any) -> None:
    directory, error = patience["always_slow"].result(timeout=60)

    assert error is not None
    assert error.response["Error"] == {
        "Code": "UnexpectedLambdaException",
        "Message": "PreSignUp invocation failed due to error "
        "Socket timeout while invoking Lambda function.",
    }
    # A try that was given up may write its event down after the answer.
    until(lambda: len(directory.sources()) >= 3)
    assert directory.sources() == ["PreSignUp_SignUp"] * 3
    assert not directory.exists()
