"""People sign up, come in, change, move between organisations, and are kept out."""

import base64
import hashlib
import hmac
import secrets
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import argon2
import bcrypt
import pytest
from pycognito.exceptions import SoftwareTokenMFAChallengeException

from localcloud.client import GraphqlError, Product, Tokens, until
from localcloud.demo.stage import Stage
from tests.e2e.conftest import PASSWORD, People
from tests.support.nameserver import Nameserver
from tests.support.refusals import Refusal, refusal

OTHER_PASSWORD = "Another-Horse-8-Battery"
OLD_PASSWORD = "an old Password from 2009!"
WRONG = Refusal("NotAuthorizedException", "Incorrect username or password.")
ME = "query { me { id email name locale timeZone version activeOrganization { name role } } }"
UPDATE = """mutation($input: UpdateProfileInput!) {
  updateProfile(input: $input) { name locale timeZone version }
}"""
MINE = """query($first: Int, $after: String) {
  myOrganizations(first: $first, after: $after) { items { organizationId name role } nextCursor }
}"""
SWITCH = "mutation($to: ID!) { switchOrganization(organizationId: $to) { organizationId } }"
ORGANIZATION = "query { organization { id name usage { users } } }"

Aws = Callable[[str], Any]


# signing up


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ("mailinator.com", "disposable addresses are not accepted"),
        ("deep.down.mailinator.com", "disposable addresses are not accepted"),
        ("MAILINATOR.com", "disposable addresses are not accepted"),
        ("nowhere", "is not a valid e-mail address"),
        ("-dash.example", "is not a valid e-mail address"),
    ],
)
def test_an_address_that_will_not_do_is_refused(product: Product, domain: str, said: str) -> None:
    found = refusal(lambda: product.sign_up(f"someone@{domain}", PASSWORD))

    assert found == Refusal(
        "UserLambdaValidationException", f"PreSignUp failed with error email: {said}."
    )


def test_a_domain_that_only_ends_like_a_disposable_one_is_welcome(
    product: Product, people: People
) -> None:
    assert product.sign_up(people.address(domain="mailinator.example"), PASSWORD)


def test_a_denied_domain_is_refused_where_it_is_denied_and_only_there(
    strict: Stage, product: Product, people: People
) -> None:
    for domain in ("rival.example", "mail.rival.example"):
        address = people.address(domain=domain)
        found = refusal(lambda address=address: strict[0].sign_up(address, PASSWORD))  # type: ignore[misc]
        assert "addresses of this domain are not accepted" in found.message
        assert product.sign_up(address, PASSWORD)
    assert strict[0].sign_up(people.address(domain="not-rival.example"), PASSWORD)


def test_every_fault_of_a_sign_up_is_told_at_once(product: Product) -> None:
    found = refusal(
        lambda: product.sign_up(
            "someone@mailinator.com",
            PASSWORD,
            organization_name="x" * 121,
            organization_id="../other",
            locale="klingon!",
            name="\x00",
        )
    )

    for field in ("email", "organization_name", "organization_id", "locale", "name"):
        assert f"{field}: " in found.message
    assert "xxx" not in found.message
    assert "../other" not in found.message


@pytest.mark.parametrize(
    "name",
    ["", " ", "\u2800", "x" * 121, "two\nlines", "nul\x00", "\u202edrow", "\ud800half", "x\ufffe"],
)
def test_a_name_that_is_none_is_refused(product: Product, people: People, name: str) -> None:
    email = people.address()
    found = refusal(lambda: product.sign_up(email, PASSWORD, organization_name=name))

    assert found.code == "UserLambdaValidationException"
    assert found.message.startswith("PreSignUp failed with error organization_name: ")


@pytest.mark.parametrize(
    "name",
    [
        "x" * 120,
        "O'Brien & Söhne GmbH",
        "<script>alert(1)</script>",
        "{####} {username} {##Click Here##}",
        "'; DROP TABLE users; --",
        "=cmd|' /C calc'!A0",
        "👩‍👩‍👧‍👦 العربية",
        "ORG#other#MEMBER",
        "${jndi:ldap://127.0.0.1/a}",
    ],
)
def test_a_strange_name_is_kept_as_it_is(product: Product, people: People, name: str) -> None:
    email = people.address("strange")

    tokens = product.join(email, PASSWORD, organization_name=name, name=name)

    assert product.graphql(ORGANIZATION, tokens)["organization"]["name"] == name
    assert product.graphql(ME, tokens)["me"]["name"] == name
    [mail] = product.mails_to(email)
    assert len(mail["codes"]) == 1
    assert "<script>" not in mail["html"]


@pytest.mark.parametrize(
    ("locale", "subject"),
    [
        ("de", "Ihr Code für Tenantry"),
        ("de-AT", "Ihr Code für Tenantry"),
        ("en", "Your code for Tenantry"),
        ("fr", "Your code for Tenantry"),
    ],
)
def test_the_mail_speaks_the_language_that_was_asked_for(
    product: Product, people: People, locale: str, subject: str
) -> None:
    email = people.address("reader")

    product.sign_up(email, PASSWORD, locale=locale)

    assert until("the mail", lambda: product.mails_to(email))[0]["subject"] == subject


def test_a_code_confirms_once_and_only_the_newest_one(product: Product, people: People) -> None:
    email = people.address("newcomer")
    product.sign_up(email, PASSWORD)
    first = product.code_mailed_to(email)
    assert refusal(lambda: product.sign_in(email, PASSWORD)).code == "UserNotConfirmedException"

    product.cognito.resend_confirmation_code(
        ClientId=product.outputs["UserPoolClientId"], Username=email
    )
    second = until("a second mail", lambda: product.mails_to(email)[1:] and product.mails_to(email))
    newest = second[0]["codes"][0]

    if newest != first:
        assert refusal(lambda: product.confirm(email, first)).code == "CodeMismatchException"
    product.confirm(email, newest)
    assert refusal(lambda: product.confirm(email, newest)).code == "NotAuthorizedException"
    assert product.sign_in(email, PASSWORD).claims["sub"]


def test_a_forgotten_password_is_replaced_by_the_one_who_reads_the_mail(
    product: Product, people: People
) -> None:
    person = people.join("forgetful")
    client = product.outputs["UserPoolClientId"]

    def replace(code: str) -> Any:
        return product.cognito.confirm_forgot_password(
            ClientId=client, Username=person.email, ConfirmationCode=code, Password=OTHER_PASSWORD
        )

    product.cognito.forgot_password(ClientId=client, Username=person.email)
    mails = until("the mail", lambda: product.mails_to(person.email)[1:])
    newest = product.mails_to(person.email)[0]
    assert mails
    code = newest["codes"][0]
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    assert newest["subject"] == "Reset your password for Tenantry"

    assert refusal(lambda: replace(wrong)).code == "CodeMismatchException"
    replace(code)
    assert refusal(lambda: product.sign_in(person.email, PASSWORD)) == WRONG
    assert product.sign_in(person.email, OTHER_PASSWORD).claims["sub"] == person.user_id
    assert refusal(lambda: replace(code)).code in (
        "ExpiredCodeException",
        "CodeMismatchException",
    )


# profiles and organisations


def test_a_profile_changes_lists_its_faults_and_refuses_stale_changes(
    product: Product, people: People
) -> None:
    someone = people.join("ada")
    before = product.graphql(ME, someone.tokens)["me"]

    def update(**values: Any) -> dict[str, Any]:
        changed: dict[str, Any] = product.graphql(UPDATE, someone.tokens, input=values)[
            "updateProfile"
        ]
        return changed

    faulty = refusal(
        lambda: update(name="\x00", locale="??", timeZone="Mars/Phobos", expectedVersion=0)
    )
    assert faulty.code == "INVALID_INPUT"
    assert set(faulty.faults) == {"name", "locale", "timeZone", "expectedVersion"}
    foreign = refusal(lambda: update(avatarKey="users/somebody-else/avatars/a.png"))
    assert (foreign.code, foreign.faults) == ("INVALID_INPUT", ("avatarKey",))
    assert product.graphql(ME, someone.tokens)["me"] == before

    changed = update(
        name="Ada L.", locale="de-at", timeZone="Europe/Vienna", expectedVersion=before["version"]
    )
    assert changed == {
        "name": "Ada L.",
        "locale": "de-AT",
        "timeZone": "Europe/Vienna",
        "version": before["version"] + 1,
    }
    assert refusal(lambda: update(name="x", expectedVersion=before["version"])).code == "CONFLICT"
    assert update(name=None)["name"] is None


def test_organisations_come_in_pages_and_one_is_chosen_for_tokens_or_for_a_request(
    product: Product, people: People
) -> None:
    owner = people.owner("First")
    others = [
        product.rest(
            "POST", "/api/organizations", owner.tokens, body={"name": f"Other {n}"}
        ).json()["id"]
        for n in range(4)
    ]
    everything = {owner.organization_id, *others}

    found: list[str] = []
    after: str | None = None
    for _ in range(3):
        page = product.graphql(MINE, owner.tokens, first=2, after=after)["myOrganizations"]
        found += [item["organizationId"] for item in page["items"]]
        after = page["nextCursor"]
        if after is None:
            break
    assert after is None
    assert sorted(found) == sorted(everything)

    chosen = product.graphql(ORGANIZATION, owner.tokens, others[0])["organization"]
    assert chosen["id"] == others[0]
    assert product.graphql(ORGANIZATION, owner.tokens)["organization"]["id"] != others[0]
    product.graphql(SWITCH, owner.tokens, to=others[1])
    assert owner.tokens.claims["org_id"] == owner.organization_id
    assert product.refresh(owner.tokens).claims["org_id"] == others[1]
    assert product.sign_in(owner.email, PASSWORD).claims["org_id"] == others[1]


def test_a_stranger_learns_nothing_of_an_organisation_by_naming_it_at_sign_up(
    product: Product, people: People
) -> None:
    missing = "00000000-0000-4000-8000-000000000000"
    found = refusal(lambda: product.sign_up(people.address(), PASSWORD, organization_id=missing))

    assert found.code == "UserLambdaValidationException"
    assert missing not in found.message
    real = people.owner("Secretive Works").organization_id
    email = people.address("visitor")
    tokens = product.join(email, PASSWORD, organization_id=real)
    assert "org_id" not in tokens.claims
    assert refusal(lambda: product.graphql(ORGANIZATION, tokens, real)).code == "NOT_A_MEMBER"


# kept out


NOBODY = "00000000-0000-4000-8000-000000000000"


def test_a_suspended_persons_token_opens_no_organisation_from_within_seconds_on(
    product: Product, people: People
) -> None:
    owner, operator = people.owner(), people.operator()
    someone = people.member(owner.organization_id, "ADMIN")
    removal = f"/api/organizations/{owner.organization_id}/members/{NOBODY}/remove"

    def decide(what: str) -> None:
        product.graphql(
            f'mutation($id: ID!) {{ {what}(userId: $id, reason: "row") {{ status }} }}',
            operator.tokens,
            id=someone.user_id,
        )

    def at_the_doors() -> tuple[str, int]:
        """GraphQL's and REST's answer to the same token, which lasts a quarter of an hour."""
        try:
            product.graphql("query { organization { name } }", someone.tokens)
            said = "OK"
        except GraphqlError as refused:
            said = str(refused.code)
        return said, product.rest("POST", removal, someone.tokens).status_code

    assert at_the_doors() == ("OK", 404)
    decide("suspendUser")
    until(
        "the suspended person is refused",
        lambda: at_the_doors() == ("FORBIDDEN", 403),
    )
    decide("reactivateUser")
    until("the person is let in again", lambda: at_the_doors() == ("OK", 404))


def test_a_suspended_person_is_out_at_once_and_in_again_when_reactivated(
    product: Product, people: People
) -> None:
    someone, operator = people.owner(), people.operator()

    def decide(what: str) -> None:
        product.graphql(
            f'mutation($id: ID!) {{ {what}(userId: $id, reason: "row") {{ status }} }}',
            operator.tokens,
            id=someone.user_id,
        )

    decide("suspendUser")
    refused = refusal(lambda: product.sign_in(someone.email, PASSWORD))
    assert "Incorrect username or password." in refused.message
    assert "suspend" not in refused.message.lower()
    assert refusal(lambda: product.refresh(someone.tokens)).code == "NotAuthorizedException"
    # Cognito itself takes the tokens that are out no more: it has been signed out everywhere.
    assert refusal(lambda: product.cognito.get_user(AccessToken=someone.tokens.access))

    decide("reactivateUser")
    again = product.sign_in(someone.email, PASSWORD)
    assert again.claims["org_id"] == someone.organization_id


def test_a_refresh_is_refused_even_where_signing_out_came_to_nothing(
    product: Product, people: People, aws: Aws
) -> None:
    someone = people.owner()
    assert product.refresh(someone.tokens).access

    aws("dynamodb").update_item(
        TableName=product.outputs["PlatformTable"],
        Key={"PK": {"S": f"USER#{someone.user_id}"}, "SK": {"S": "PROFILE"}},
        UpdateExpression="SET #s = :suspended",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":suspended": {"S": "SUSPENDED"}},
    )

    refused = refusal(lambda: product.refresh(someone.tokens))
    assert "Incorrect username or password." in refused.message


# coming over from the older system


@pytest.fixture
def older(product: Product, aws: Aws) -> Callable[[str, str], None]:
    """Puts a person with a password's hash into the older system's table."""

    def remember(email: str, password_hash: str) -> None:
        aws("dynamodb").put_item(
            TableName=product.outputs["LegacyTable"],
            Item={
                "email": {"S": email},
                "password_hash": {"S": password_hash},
                "name": {"S": "Grace"},
                "locale": {"S": "de"},
            },
        )

    return remember


def _bcrypt() -> str:
    return bcrypt.hashpw(OLD_PASSWORD.encode(), bcrypt.gensalt(4)).decode()


def _argon2() -> str:
    return argon2.PasswordHasher(time_cost=1, memory_cost=1024).hash(OLD_PASSWORD)


@pytest.mark.parametrize("hashed", [_bcrypt, _argon2])
def test_a_person_of_the_older_system_comes_over_with_the_password(
    product: Product,
    people: People,
    older: Callable[[str, str], None],
    hashed: Callable[[], str],
) -> None:
    email = people.address("legacy", "legacy.example")
    older(email, hashed())

    migrated = product.sign_in_with_password(email.upper(), OLD_PASSWORD)

    me = product.graphql(ME, migrated)["me"]
    assert (me["name"], me["locale"], me["email"]) == ("Grace", "de", email)
    assert product.sign_in(email, OLD_PASSWORD).claims["sub"] == migrated.claims["sub"]


def test_wrong_unknown_and_unreadable_look_the_same(
    product: Product, people: People, older: Callable[[str, str], None]
) -> None:
    known, strange = (people.address("legacy", "legacy.example") for _ in range(2))
    older(known, _bcrypt())
    older(strange, "$scrypt$of-another-kind")

    told = {
        refusal(lambda: product.sign_in_with_password(known, "Wrong-1-password!")),
        refusal(lambda: product.sign_in_with_password(strange, OLD_PASSWORD)),
        refusal(lambda: product.sign_in_with_password("nobody@legacy.example", OLD_PASSWORD)),
    }

    assert told == {WRONG}
    assert product.sign_in_with_password(known, OLD_PASSWORD).access


def test_the_older_system_not_answering_looks_like_a_wrong_password_and_raises_an_alarm(
    product: Product, people: People, older: Callable[[str, str], None], aws: Aws
) -> None:
    email = people.address("legacy", "legacy.example")
    older(email, _bcrypt())
    name = f"{product.outputs['Prefix']}-identity-user-migration"
    functions = aws("lambda")
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    started = int(time.time() * 1000)
    broken = {**variables, "LEGACY_TABLE": "no-such-table"}

    functions.update_function_configuration(FunctionName=name, Environment={"Variables": broken})
    try:
        told = refusal(lambda: product.sign_in_with_password(email, OLD_PASSWORD))
    finally:
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )

    assert told == WRONG
    lines = aws("logs").filter_log_events(
        logGroupName=f"/aws/lambda/{name}", startTime=started, filterPattern=""
    )["events"]
    assert any("LegacyDirectoryUnavailable" in line["message"] for line in lines)
    assert product.sign_in_with_password(email, OLD_PASSWORD).access


def test_a_forgotten_password_brings_a_person_over_too(
    product: Product, people: People, older: Callable[[str, str], None]
) -> None:
    email = people.address("legacy", "legacy.example")
    older(email, _argon2())
    client = product.outputs["MigrationClientId"]

    product.cognito.forgot_password(ClientId=client, Username=email)
    product.cognito.confirm_forgot_password(
        ClientId=client,
        Username=email,
        ConfirmationCode=product.code_mailed_to(email),
        Password=OTHER_PASSWORD,
    )

    tokens = product.sign_in(email, OTHER_PASSWORD)
    assert product.graphql(ME, tokens)["me"]["name"] == "Grace"


# a second factor


def test_a_second_factor_is_asked_for_once_it_is_set_up(product: Product, people: People) -> None:
    someone = people.owner()
    cognito, client = product.cognito, product.outputs["UserPoolClientId"]
    secret = cognito.associate_software_token(AccessToken=someone.tokens.access)["SecretCode"]
    cognito.verify_software_token(AccessToken=someone.tokens.access, UserCode=_totp(secret))
    cognito.set_user_mfa_preference(
        AccessToken=someone.tokens.access,
        SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True},
    )

    def challenge() -> dict[str, Any]:
        with pytest.raises(SoftwareTokenMFAChallengeException) as asked:
            product.sign_in(someone.email, PASSWORD)
        told: dict[str, Any] = asked.value.get_tokens()
        return told

    def respond(told: dict[str, Any], code: str) -> Tokens:
        answer = cognito.respond_to_auth_challenge(
            ClientId=client,
            ChallengeName="SOFTWARE_TOKEN_MFA",
            Session=told["Session"],
            ChallengeResponses={"USERNAME": someone.email, "SOFTWARE_TOKEN_MFA_CODE": code},
        )
        return Tokens.of(answer)

    code = _totp(secret)
    wrong = f"{(int(code) + 500_000) % 10**6:06d}"
    told = challenge()
    assert "AuthenticationResult" not in told
    assert refusal(lambda: respond(told, wrong)).code in (
        "CodeMismatchException",
        "NotAuthorizedException",
    )
    tokens = respond(challenge(), _totp(secret))
    assert tokens.claims["org_id"] == someone.organization_id


def _totp(secret: str) -> str:
    """RFC 6238 with the defaults that authenticator apps have."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    at = digest[-1] & 0x0F
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


# joining by an e-mail domain


@pytest.fixture
def nameserver(product: Product, aws: Aws) -> Iterator[Nameserver]:
    """A nameserver of the test's own, which the organisations' function is told to ask."""
    name = f"{product.outputs['Prefix']}-organizations-api"
    functions = aws("lambda")
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    with Nameserver() as server:
        told = {**variables, "DNS_NAMESERVER": server.address}
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": told})
        yield server
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )


def test_the_deployment_says_which_nameserver_is_asked(strict: Stage) -> None:
    product, aws, _ = strict
    name = f"{product.outputs['Prefix']}-organizations-api"
    deployed = aws("lambda").get_function_configuration(FunctionName=name)

    assert deployed["Environment"]["Variables"]["DNS_NAMESERVER"] == "127.0.0.1:53"


def test_people_of_a_proven_domain_join_until_the_seats_are_taken(
    product: Product, people: People, nameserver: Nameserver
) -> None:
    domain = f"works-{secrets.token_hex(3)}.example"
    owner = people.owner("Domain Works")

    def call(what: str) -> dict[str, Any]:
        query = (
            f"mutation($d: String!) {{ {what}(domain: $d) {{ status recordName recordValue }} }}"
        )
        answered: dict[str, Any] = product.graphql(query, owner.tokens, d=domain)[what]
        return answered

    claim = call("claimDomain")
    assert refusal(lambda: call("verifyDomain")).code == "DOMAIN_NOT_PROVEN"
    nameserver.texts[claim["recordName"]] = ["v=spf1 -all", "tenantry-verification=guessed"]
    assert refusal(lambda: call("verifyDomain")).code == "DOMAIN_NOT_PROVEN"
    early = product.join(people.address("early", domain), PASSWORD)
    nameserver.texts[claim["recordName"]].append(claim["recordValue"])
    assert call("verifyDomain")["status"] == "VERIFIED"
    reluctant = product.join(people.address("reluctant", domain), PASSWORD)
    product.graphql(
        "mutation { updateOrganizationSettings(input: {joinByDomain: true}) { id } }", owner.tokens
    )

    seated = [product.join(people.address("colleague", domain), PASSWORD) for _ in range(4)]
    late = product.join(people.address("late", domain), PASSWORD)
    elsewhere = product.join(people.address("else", f"sub.{domain}"), PASSWORD)

    at = owner.organization_id
    assert [tokens.claims.get("org_id") for tokens in seated] == [at] * 4
    assert {tokens.claims["role"] for tokens in seated} == {"MEMBER"}
    for tokens in (early, reluctant, late, elsewhere):
        assert "org_id" not in tokens.claims
        assert refusal(lambda t=tokens: product.graphql(ORGANIZATION, t)).code == "NO_ORGANIZATION"  # type: ignore[misc]
    assert product.graphql(ORGANIZATION, owner.tokens)["organization"]["usage"]["users"] == 5
