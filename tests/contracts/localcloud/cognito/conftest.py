"""User pools whose triggers write down what they are sent, and do as a test says.

One function serves every trigger of every pool: it keeps each event in a table, then looks there
for what it is to answer.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from pycognito.aws_srp import AWSSRP

from localcloud.place import ACCOUNT_ID, REGION, Place

FIXTURES = Path(__file__).parents[1] / "fixtures" / "cognito"
PASSWORD = "Correct-Horse-7"
TABLE = "contract-cognito-events"
TRIGGERS = (
    "PreSignUp",
    "PostConfirmation",
    "PreAuthentication",
    "PostAuthentication",
    "CustomMessage",
    "UserMigration",
)
RECORDER = """
import json, time, uuid, boto3

dynamodb = boto3.client("dynamodb")

def handler(event, context):
    pool, source = event["userPoolId"], event["triggerSource"]
    print(source)
    at = f"event#{time.time_ns():020}#{uuid.uuid4()}"
    dynamodb.put_item(
        TableName="TABLE",
        Item={"pool": {"S": pool}, "at": {"S": at}, "event": {"S": json.dumps(event)}},
    )
    told = dynamodb.update_item(
        TableName="TABLE",
        Key={"pool": {"S": pool}, "at": {"S": f"told#{source}"}},
        UpdateExpression="ADD calls :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="ALL_NEW",
    )["Attributes"]
    told, calls = json.loads(told.get("told", {"S": "{}"})["S"]), int(told["calls"]["N"])
    if calls <= told.get("slow_calls", 0):
        time.sleep(8)
    if "raises" in told:
        raise Exception(told["raises"])
    if "returns" in told:
        return told["returns"]
    event["response"] = {**event["response"], **told.get("answers", {})}
    return event
""".replace("TABLE", TABLE)

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Directory:
    """One user pool with one app client, seen by an administrator and by a front end."""

    admin: Any
    public: Any
    table: Any
    endpoint: str
    pool: str
    client: str
    function: str
    email: str

    def tell(self, source: str, **behaviour: Any) -> None:
        """Say what the trigger does for a source: answers=, raises=, returns= or slow_calls=."""
        self.table.put_item(
            TableName=TABLE,
            Item={
                "pool": {"S": self.pool},
                "at": {"S": f"told#{source}"},
                "told": {"S": json.dumps(behaviour)},
            },
        )

    def events(self, prefix: str = "") -> list[dict[str, Any]]:
        """What the triggers were sent, in order, of the sources that begin so."""
        items = self.table.query(
            TableName=TABLE,
            ConsistentRead=True,
            KeyConditionExpression="#pool = :pool AND begins_with(#at, :event)",
            ExpressionAttributeNames={"#at": "at", "#pool": "pool"},
            ExpressionAttributeValues={":pool": {"S": self.pool}, ":event": {"S": "event#"}},
        )["Items"]
        events = [json.loads(item["event"]["S"]) for item in items]
        return [event for event in events if event["triggerSource"].startswith(prefix)]

    def sources(self) -> list[str]:
        """The sources of the events, in order."""
        return [event["triggerSource"] for event in self.events()]

    def expected(self, fixture: str, **values: str) -> dict[str, Any]:
        """The event of a fixture, for this pool and the user of the test."""
        text = json.dumps(json.loads((FIXTURES / f"{fixture}.json").read_text())["event"])
        known = {
            "region": REGION,
            "pool": self.pool,
            "client": self.client,
            "email": self.email,
            "password": PASSWORD,
        }
        for name, value in (known | values).items():
            text = text.replace(f'"{{{name}}}"', json.dumps(value))
        event: dict[str, Any] = json.loads(text)
        return event

    def mails(self, to: str | None = None) -> list[dict[str, Any]]:
        """The mails to an address, oldest first."""
        with urllib.request.urlopen(f"{self.endpoint}/_ministack/ses/messages") as page:
            messages = json.load(page)["messages"].get(ACCOUNT_ID, [])
        return [message for message in messages if (to or self.email) in message["To"]]

    def code(self, to: str | None = None) -> str:
        """The last code that was mailed."""
        mail = self.mails(to)[-1]
        found = re.search(r"\b\d{6}\b", text_of(mail))
        assert found, mail
        return found[0]

    def sign_up(self, **options: Any) -> str:
        """Sign the test's user up; returns the sub."""
        answer = self.public.sign_up(
            ClientId=self.client,
            Username=self.email,
            Password=PASSWORD,
            **{"UserAttributes": [{"Name": "email", "Value": self.email}], **options},
        )
        return str(answer["UserSub"])

    def confirm(self, **options: Any) -> None:
        self.public.confirm_sign_up(
            ClientId=self.client, Username=self.email, ConfirmationCode=self.code(), **options
        )

    def member(self) -> str:
        """A confirmed user who can sign in, made without any of the triggers under test."""
        answer = self.admin.admin_create_user(
            UserPoolId=self.pool,
            Username=self.email,
            MessageAction="SUPPRESS",
            UserAttributes=[
                {"Name": "email", "Value": self.email},
                {"Name": "email_verified", "Value": "true"},
            ],
        )
        self.admin.admin_set_user_password(
            UserPoolId=self.pool, Username=self.email, Password=PASSWORD, Permanent=True
        )
        return str(answer["User"]["Username"])

    def sign_in(self, password: str = PASSWORD, **options: Any) -> dict[str, Any]:
        """Sign in with the password itself."""
        answer: dict[str, Any] = self.public.initiate_auth(
            ClientId=self.client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": self.email, "PASSWORD": password},
            **options,
        )
        return answer

    def admin_sign_in(self, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.admin.admin_initiate_auth(
            UserPoolId=self.pool,
            ClientId=self.client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": self.email, "PASSWORD": PASSWORD},
            **options,
        )
        return answer

    def srp(self, username: str | None = None, password: str = PASSWORD) -> AWSSRP:
        return AWSSRP(
            username=username or self.email,
            password=password,
            pool_id=self.pool,
            client_id=self.client,
            client=self.public,
        )

    def srp_sign_in(self, metadata: dict[str, str] | None = None) -> dict[str, Any]:
        """Sign in without sending the password."""
        answer: dict[str, Any] = self.srp().authenticate_user(client_metadata=metadata)
        return answer

    def user(self, username: str | None = None) -> dict[str, Any]:
        """Status and attributes as an administrator reads them."""
        answer = self.admin.admin_get_user(UserPoolId=self.pool, Username=username or self.email)
        attributes = {item["Name"]: item["Value"] for item in answer["UserAttributes"]}
        return {"status": answer["UserStatus"], "username": answer["Username"], **attributes}

    def exists(self, username: str | None = None) -> bool:
        try:
            self.user(username)
        except self.admin.exceptions.UserNotFoundException:
            return False
        return True


@pytest.fixture(scope="session")
def recorder(client: Any, functions: Any) -> str:
    """The name of the function behind every trigger."""
    client("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[
            {"AttributeName": "pool", "KeyType": "HASH"},
            {"AttributeName": "at", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pool", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{TABLE}"
    actions = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
    name: str = functions.create(
        RECORDER, [{"Effect": "Allow", "Action": actions, "Resource": table}]
    )
    allow_cognito(client, name)
    return name


@pytest.fixture(scope="session")
def directories(cloud: Place, client: Any, recorder: str) -> Callable[..., Directory]:
    """Makes user pools: `triggers` names those that are set, other keywords are the pool's."""
    admin = client("cognito-idp")
    public = boto3.client(
        "cognito-idp",
        endpoint_url=cloud.endpoint,
        region_name=REGION,
        config=Config(signature_version=UNSIGNED, retries={"max_attempts": 1}, read_timeout=60),
    )

    def make(
        triggers: tuple[str, ...] = TRIGGERS,
        *,
        tokens: bool = False,
        function: str = recorder,
        app_client: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Directory:
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{function}"
        lambdas: dict[str, Any] = dict.fromkeys(triggers, arn)
        if tokens:
            lambdas["PreTokenGenerationConfig"] = {"LambdaArn": arn, "LambdaVersion": "V2_0"}
        number = next(_numbers)
        pool = admin.create_user_pool(
            **{
                "PoolName": f"contract-{number}",
                "UsernameAttributes": ["email"],
                "AutoVerifiedAttributes": ["email"],
                "LambdaConfig": lambdas,
                "EmailConfiguration": {
                    "EmailSendingAccount": "DEVELOPER",
                    "SourceArn": f"arn:aws:ses:{REGION}:{ACCOUNT_ID}:identity/example.com",
                    "From": "accounts@example.com",
                },
                **settings,
            }
        )["UserPool"]["Id"]
        made = admin.create_user_pool_client(
            **{
                "UserPoolId": pool,
                "ClientName": "front-end",
                "PreventUserExistenceErrors": "ENABLED",
                "ExplicitAuthFlows": [
                    "ALLOW_USER_SRP_AUTH",
                    "ALLOW_USER_PASSWORD_AUTH",
                    "ALLOW_ADMIN_USER_PASSWORD_AUTH",
                    "ALLOW_REFRESH_TOKEN_AUTH",
                ],
                **(app_client or {}),
            }
        )
        return Directory(
            admin=admin,
            public=public,
            table=client("dynamodb"),
            endpoint=cloud.endpoint,
            pool=pool,
            client=made["UserPoolClient"]["ClientId"],
            function=function,
            email=f"ada{number}@example.com",
        )

    return make


@pytest.fixture(scope="session", autouse=True)
def patience(
    request: pytest.FixtureRequest, directories: Callable[..., Directory]
) -> Iterator[dict[str, Future[Any]]]:
    """Sign-ups that wait for a slow trigger, begun while the other tests run: 5 s a try."""
    if not any("test_cognito_timeouts" in item.nodeid for item in request.session.items):
        yield {}
        return
    with ThreadPoolExecutor(2) as pool:
        slow = {}
        for name, calls in (("slow_once", 1), ("always_slow", 99)):
            directory = directories(("PreSignUp",))
            directory.tell("PreSignUp_SignUp", slow_calls=calls)
            slow[name] = pool.submit(_outcome, directory)
        yield slow


def _outcome(directory: Directory) -> tuple[Directory, ClientError | None]:
    try:
        directory.sign_up()
    except ClientError as error:
        return directory, error
    return directory, None


def allow_cognito(client: Any, function: str) -> None:
    """Let user pools of the account invoke the function."""
    client("lambda").add_permission(
        FunctionName=function,
        StatementId="cognito",
        Action="lambda:InvokeFunction",
        Principal="cognito-idp.amazonaws.com",
        SourceAccount=ACCOUNT_ID,
    )


def text_of(mail: Mapping[str, Any]) -> str:
    """The body, whichever kind it has."""
    return str(mail.get("BodyHtml") or mail.get("BodyText"))


@pytest.fixture(scope="session", name="text_of")
def text_of_fixture() -> Callable[[Mapping[str, Any]], str]:
    return text_of


@pytest.fixture(scope="session")
def refused() -> Callable[..., tuple[str, str]]:
    """Calls and returns the code and message of the refusal."""

    def call(what: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            what(*arguments, **named)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call


@pytest.fixture(scope="session")
def claims() -> Callable[[str], dict[str, Any]]:
    """The claims of a token, unverified."""

    def read(token: str) -> dict[str, Any]:
        payload = token.split(".")[1]
        decoded: dict[str, Any] = json.loads(
            base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        )
        return decoded

    return read
