"""A front end that uses Amplify takes its first steps with what `make up` writes for it."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from localcloud.place import Place
from tests.e2e.conftest import PASSWORD

FRONT_END = Path(__file__).parent / "amplify"
INSTALLED = Path(__file__).parents[2] / ".cache" / "amplify"
_PACKAGE = ("package.json", "package-lock.json", ".npmrc")
# Much more than it takes: a hang fails instead of blocking.
_WITHIN = 300


@pytest.fixture(scope="session")
def front_end() -> Path:
    """The front end's script beside the packages of its lock file, installed once per lock."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.fail(
                f"{program} was not found: Amplify is tested with a real front end, which needs "
                "Node 20 or newer on the PATH (https://nodejs.org)."
            )
    contents = b"".join((FRONT_END / name).read_bytes() for name in _PACKAGE)
    folder = INSTALLED / hashlib.sha256(contents).hexdigest()[:16]
    if not (folder / "installed").exists():
        shutil.rmtree(INSTALLED, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in _PACKAGE:
            shutil.copy(FRONT_END / name, folder)
        _run(folder, "npm", "ci", "--ignore-scripts", "--no-progress")
        (folder / "installed").touch()
    return Path(shutil.copy(FRONT_END / "front-end.js", folder))


@pytest.fixture(scope="module")
def told(front_end: Path, cloud: tuple[Place, dict[str, str]]) -> dict[str, Any]:
    """What each step of the front end gave, by its name."""
    place, _ = cloud
    answer = _run(
        front_end.parent,
        "node",
        front_end.name,
        str(place.amplify),
        "amplify@example.com",
        PASSWORD,
        "Amplified Works",
    )
    steps: dict[str, Any] = json.loads(answer)
    return steps


def _run(folder: Path, *command: str) -> str:
    """What the command prints; it must succeed."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=_WITHIN
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_somebody_signs_up_and_confirms_with_the_code_of_the_mail(told: dict[str, Any]) -> None:
    assert told["signUp"]["nextStep"]["signUpStep"] == "CONFIRM_SIGN_UP"
    assert told["signUp"]["nextStep"]["codeDeliveryDetails"]["deliveryMedium"] == "EMAIL"
    assert told["beforeConfirmation"]["nextStep"]["signInStep"] == "CONFIRM_SIGN_UP"
    assert told["confirmation"]["isSignUpComplete"]


def test_they_sign_in_with_srp_and_the_token_carries_their_organization(
    told: dict[str, Any],
) -> None:
    assert told["signIn"] == {"isSignedIn": True, "nextStep": {"signInStep": "DONE"}}
    claims = told["claims"]
    assert claims["sub"] == told["signUp"]["userId"] == told["user"]["userId"]
    assert (claims["role"], claims["plan"]) == ("OWNER", "FREE")
    assert claims["org_id"]


def test_they_query_who_they_are(told: dict[str, Any]) -> None:
    assert told["me"] == {
        "id": told["signUp"]["userId"],
        "email": "amplify@example.com",
        "activeOrganization": {"name": "Amplified Works", "role": "OWNER"},
    }


def test_a_refreshed_session_is_a_new_token_of_the_same_person(told: dict[str, Any]) -> None:
    assert told["refreshed"]["isNew"]
    same = ("sub", "org_id", "role", "plan", "cognito:groups", "origin_jti")
    before, after = told["claims"], told["refreshed"]["claims"]
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert told["meAfterRefresh"] == told["me"]


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("disposableAddress", "UserLambdaValidationException"),
        ("wrongCode", "CodeMismatchException"),
        ("wrongPassword", "NotAuthorizedException"),
        ("unknownUser", "NotAuthorizedException"),
        ("alreadySignedIn", "UserAlreadyAuthenticatedException"),
        ("signedOutQuery", "NoValidAuthTokens"),
        ("afterSignOut", "UserUnAuthenticatedException"),
    ],
)
def test_a_refusal_has_the_name_that_front_ends_look_for(
    told: dict[str, Any], step: str, error: str
) -> None:
    assert told[step]["name"] == error


def test_an_unknown_user_is_refused_as_a_wrong_password_is(told: dict[str, Any]) -> None:
    assert told["unknownUser"] == told["wrongPassword"]


def test_a_refused_field_says_its_code(told: dict[str, Any]) -> None:
    assert told["refusedField"]["errorType"] == "INVALID_INPUT"


def test_the_lock_file_names_no_registry_and_every_package_by_its_hash() -> None:
    packages = json.loads((FRONT_END / "package-lock.json").read_text())["packages"]

    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name in packages if name and not packages[name].get("integrity")] == []
