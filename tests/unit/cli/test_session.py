"""Sessions are renewed when they end, and refusals are told in clear words."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError, EndpointConnectionError

from tenantry_cli.api import GraphqlError, Tokens
from tenantry_cli.errors import BusyError, CliError, NotSignedInError, UnreachableError
from tenantry_cli.profiles import NEEDED, Profile
from tenantry_cli.session import Session

NOW = 1_000_000.0


def token(seconds: int, **claims: Any) -> str:
    body = json.dumps({"exp": NOW + seconds, **claims}).encode()
    return f"x.{base64.urlsafe_b64encode(body).decode().rstrip('=')}.x"


class FakeApi:
    """Answers what it is told to; `refreshing` makes the next session, or raises."""

    def __init__(self) -> None:
        self.refreshing: Callable[[], Tokens] = lambda: Tokens(token(3600), "id", "")
        self.answer: Any = {}

    def refresh(self, tokens: Tokens) -> Tokens:
        return self.refreshing()

    def graphql(self, *_: Any, **__: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def rest(self, *_: Any, **__: Any) -> Any:
        return self.graphql()


@pytest.fixture
def session(tmp_path: Path) -> Session:
    outputs = dict.fromkeys(NEEDED, "x")
    return Session(Profile("prod", outputs, tmp_path / "session.json"), now=lambda: NOW)


@pytest.fixture
def api(session: Session) -> FakeApi:
    fake = FakeApi()
    session.api = fake  # type: ignore[assignment]  # answers as the real one does
    return fake


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "InitiateAuth")


def response(status: int, body: Any) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made._content = json.dumps(body).encode()
    return made


def test_nobody_signed_in_is_told_what_to_do(session: Session) -> None:
    with pytest.raises(NotSignedInError, match="tenantry login"):
        session.tokens()


def test_a_token_that_holds_is_used_as_it_is(session: Session, api: FakeApi) -> None:
    kept = Tokens(token(120), "id", "refresh")
    session.profile.keep(kept)
    assert session.tokens() == kept


def test_a_token_that_ends_is_renewed_and_the_refresh_token_kept(
    session: Session, api: FakeApi
) -> None:
    session.profile.keep(Tokens(token(30), "id", "refresh"))
    renewed = session.tokens()
    assert renewed == Tokens(token(3600), "id", "refresh")
    assert session.profile.tokens() == renewed


def test_a_session_that_was_ended_is_forgotten(session: Session, api: FakeApi) -> None:
    session.profile.keep(Tokens(token(-1), "id", "refresh"))

    def ended() -> Tokens:
        raise refused("NotAuthorizedException")

    api.refreshing = ended
    with pytest.raises(NotSignedInError):
        session.tokens()
    assert session.profile.tokens() is None


def test_a_pool_that_does_not_answer_ends_no_session(session: Session, api: FakeApi) -> None:
    session.profile.keep(Tokens(token(-1), "id", "refresh"))

    def silent() -> Tokens:
        raise EndpointConnectionError(endpoint_url="http://pool")

    api.refreshing = silent
    with pytest.raises(UnreachableError):
        session.tokens()
    assert session.profile.tokens() is not None


@pytest.mark.parametrize(
    ("groups", "operator"),
    [(["SuperAdmin"], True), (["OrgAdmin"], False), ([], False), (None, False)],
)
def test_operators_are_known_by_their_group(
    session: Session, api: FakeApi, groups: Any, operator: bool
) -> None:
    session.profile.keep(Tokens(token(120, **{"cognito:groups": groups}), "id", "refresh"))
    assert session.is_operator is operator


def test_a_refusal_carries_the_products_code_and_every_fault(
    session: Session, api: FakeApi
) -> None:
    session.profile.keep(Tokens(token(120), "id", "refresh"))
    faults = {"faults": [{"field": "name", "message": "is taken"}]}
    api.answer = GraphqlError(
        {"message": "Look at it.", "errorType": "INVALID_INPUT", "errorInfo": faults}
    )
    with pytest.raises(CliError, match="name: is taken") as told:
        session.graphql("query { me { id } }")
    assert told.value.code == "INVALID_INPUT"


def test_a_problem_of_the_rest_api_is_told_alike(session: Session, api: FakeApi) -> None:
    session.profile.keep(Tokens(token(120), "id", "refresh"))
    api.answer = response(409, {"code": "CONFLICT", "detail": "It has changed."})
    with pytest.raises(CliError, match="It has changed") as told:
        session.rest("POST", "/x")
    assert told.value.code == "CONFLICT"
    api.answer = response(202, {"id": "1"})
    assert session.rest("POST", "/x") == {"id": "1"}
    api.answer = requests.ConnectionError("no")
    with pytest.raises(UnreachableError):
        session.rest("POST", "/x")


@pytest.mark.parametrize(
    "code", ["TooManyRequestsException", "InternalErrorException", "ServiceUnavailable"]
)
def test_a_session_that_is_not_renewed_right_now_is_kept(
    session: Session, api: FakeApi, code: str
) -> None:
    kept = Tokens(token(10), "id", "refresh")
    session.profile.keep(kept)

    def refuses() -> Tokens:
        raise refused(code)

    api.refreshing = refuses
    with pytest.raises(BusyError):
        session.tokens()
    assert session.profile.tokens() == kept


@pytest.mark.parametrize(("status", "kind"), [(429, BusyError), (503, BusyError), (409, CliError)])
def test_what_may_be_answered_later_is_told_apart(
    session: Session, api: FakeApi, status: int, kind: type[CliError]
) -> None:
    session.profile.keep(Tokens(token(120), "id", "refresh"))
    api.answer = response(status, {"detail": "no", "code": "C"})
    with pytest.raises(CliError) as told:
        session.rest("GET", "/accounts")
    assert type(told.value) is kind
    assert told.value.code == "C"
