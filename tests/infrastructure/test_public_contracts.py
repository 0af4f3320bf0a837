"""The two public contracts against what is deployed and what the code answers."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from graphql import GraphQLInputObjectType, GraphQLObjectType, build_schema
from openapi_spec_validator import OpenAPIV30SpecValidator

from tenantry.errors import InvalidInputError, TenantryError
from tenantry.organizations.model import SLUG_LONGEST, SLUG_SHORTEST, CreateOrganizationInput
from tenantry.runtime.inputs import parse
from tests.infrastructure import code, rules
from tests.infrastructure.templates import ROOT, Json, Template, target, templates, walk

# AppSync knows these without their being declared.
SCALARS = "".join(
    f"scalar {name}\n"
    for name in ("AWSDate", "AWSDateTime", "AWSEmail", "AWSJSON", "AWSURL", "AWSTimestamp")
)
SCHEMA = build_schema(SCALARS + (ROOT / "schema.graphql").read_text())
OPENAPI: Json = yaml.safe_load((ROOT / "openapi.yaml").read_text())
TEMPLATES = templates()
CONTEXT_OF_URI = re.compile(
    r"functions/\$\{(\w+)\.Outputs\.(Api|Credentials)FunctionArn\}/invocations$"
)

# Routes that anybody may call.
OPEN = {
    ("get", "/health"),
    ("post", "/api/webhooks/stripe"),
    # Who is invited may have no account yet: the token is what they have.
    ("post", "/api/invitations/lookup"),
    ("post", "/api/invitations/decline"),
}

# Routes that programs may call, with which scope; everywhere else they are turned away at the gate.
FOR_PROGRAMS = {
    ("get", "/accounts"): "tenantry/accounts.read",
    ("get", "/accounts/{accountId}"): "tenantry/accounts.read",
    ("get", "/accounts/{accountId}/operations/{operationId}"): "tenantry/accounts.read",
    ("get", "/accounts/{accountId}/technical-user"): "tenantry/accounts.read",
    ("get", "/api/usage"): "tenantry/usage.read",
    ("get", "/api/entitlements"): "tenantry/entitlements.read",
}


def fields() -> set[tuple[str, str]]:
    roots = (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type)
    return {(root.name, field) for root in roots if root for field in root.fields}


def resolvers(template: Template) -> list[tuple[str, str]]:
    return [
        (properties["TypeName"], properties["FieldName"])
        for _, properties in template.properties("AWS::AppSync::Resolver")
    ]


def api_source(context: str, door: str = "api") -> str:
    return (ROOT / "functions" / context / f"{door}.py").read_text()


def operations() -> Iterator[tuple[str, str, Json]]:
    for path, item in OPENAPI["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def test_every_field_has_exactly_one_resolver() -> None:
    deployed = [field for template in TEMPLATES for field in resolvers(template)]
    assert list(rules.resolver_faults(fields(), deployed)) == []


def test_a_field_without_or_with_two_resolvers_is_noticed() -> None:
    schema = {("Query", "me"), ("Query", "activity")}
    assert list(rules.resolver_faults(schema, [*schema])) == []
    assert list(rules.resolver_faults(schema, [("Query", "me")]))
    assert list(rules.resolver_faults(schema, [*schema, ("Query", "me")]))
    assert list(rules.resolver_faults(schema, [*schema, ("Query", "you")]))


@pytest.mark.parametrize("template", TEMPLATES[1:], ids=lambda template: template.name)
def test_a_context_answers_exactly_the_fields_that_it_resolves(template: Template) -> None:
    functions = dict(template.functions())
    modules = (ROOT / "functions" / template.name).glob("*.py")
    answered = [field for module in modules for field in code.fields(module.read_text())]
    assert "ApiFunction" in functions or not answered
    assert sorted(answered) == sorted(resolvers(template))


def test_every_resolver_shares_the_one_file_and_its_contexts_function() -> None:
    for template in TEMPLATES:
        sources = dict(template.properties("AWS::AppSync::DataSource"))
        for logical_id, resolver in template.properties("AWS::AppSync::Resolver"):
            field = resolver["FieldName"]
            assert logical_id == f"{resolver['TypeName']}{field[0].upper()}{field[1:]}Resolver"
            assert resolver["Kind"] == "UNIT"
            assert resolver["CodeS3Location"] == "../../appsync/resolver.js"
            source = sources[target(resolver["DataSourceName"])]
            assert "ApiFunction.Arn" in str(source["LambdaConfig"]).replace("', '", ".")


def test_the_resolver_file_exports_its_functions_on_lines_of_their_own() -> None:
    lines = (ROOT / "appsync" / "resolver.js").read_text().splitlines()
    assert [line for line in lines if line.startswith("export ")] == [
        "export function request(ctx) {",
        "export function response(ctx) {",
    ]


def test_queries_have_a_depth_and_a_number_of_resolvers() -> None:
    api = dict(TEMPLATES[0].properties("AWS::AppSync::GraphQLApi"))["GraphqlApi"]
    deepest = max(
        1 + _depth(field.type, frozenset())
        for root in (SCHEMA.query_type, SCHEMA.mutation_type)
        if root
        for field in root.fields.values()
    )
    assert deepest <= api["QueryDepthLimit"] <= 20
    assert 0 < api["ResolverCountLimit"] <= 100
    assert api["AuthenticationType"] == "AMAZON_COGNITO_USER_POOLS"
    assert "AdditionalAuthenticationProviders" not in api


def _depth(kind: Any, seen: frozenset[str]) -> int:
    while hasattr(kind, "of_type"):
        kind = kind.of_type
    if not isinstance(kind, GraphQLObjectType) or kind.name in seen:
        return 0
    return 1 + max(_depth(field.type, seen | {kind.name}) for field in kind.fields.values())


def test_the_rest_contract_is_valid_openapi_alone() -> None:
    OpenAPIV30SpecValidator(OPENAPI).validate()


def test_cloudformations_functions_stand_in_extensions_only() -> None:
    def outside(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for name, each in value.items():
                if name.startswith("Fn::") or name == "Ref":
                    yield name
                if not name.startswith("x-amazon-"):
                    yield from outside(each)
        elif isinstance(value, list):
            for each in value:
                yield from outside(each)

    assert list(outside(OPENAPI)) == []
    assert list(outside({"info": [{"Fn::Sub": "x"}]})) == ["Fn::Sub"]


def not_imported(document: Json) -> Iterator[str]:
    """What API Gateway refuses when it imports a body.

    "Amazon API Gateway important notes for REST APIs" in its developer guide:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
    """
    for item in document.get("paths", {}).values():
        for operation in item.values():
            for status, answer in operation["responses"].items():
                if "$ref" in answer:
                    yield f"{status} refers to a response"
    for schema in walk(document.get("components", {}).get("schemas", {})):
        if not isinstance(schema, dict):
            continue
        if schema.get("format") in ("int32", "int64"):
            yield f"a number is {schema['format']}"
        # What is called `example` among properties is one of them, with a schema of its own.
        if "example" in schema and not isinstance(schema["example"], dict):
            yield "a schema has an example"
        yield from (f"a schema says {word}" for word in schema.keys() & UNKNOWN)


UNKNOWN = {"exclusiveMinimum", "readOnly", "discriminator"}


def test_api_gateway_can_import_the_contract() -> None:
    assert list(not_imported(OPENAPI)) == []


def schemas(**properties: Json) -> Json:
    return {"components": {"schemas": {"Thing": {"type": "object", "properties": properties}}}}


@pytest.mark.parametrize(
    "bad",
    [
        {"paths": {"/x": {"get": {"responses": {"500": {"$ref": "#/components/responses/E"}}}}}},
        schemas(count={"type": "integer", "format": "int64"}),
        schemas(count={"type": "integer", "format": "int32"}),
        schemas(code={"type": "string", "example": "SLUG_TAKEN"}),
        schemas(count={"type": "integer", "exclusiveMinimum": True}),
    ],
)
def test_what_api_gateway_cannot_import_is_noticed(bad: Json) -> None:
    assert list(not_imported(schemas(example={"type": "string"}))) == []
    assert list(not_imported(bad))


def test_the_contracts_file_is_plain_for_whoever_includes_it() -> None:
    """CloudFormation includes the file's text: no anchors, no tags."""
    events = yaml.parse((ROOT / "openapi.yaml").read_text(), Loader=yaml.SafeLoader)
    for event in events:
        assert not isinstance(event, yaml.AliasEvent)
        assert getattr(event, "anchor", None) is None
        assert getattr(event, "tag", None) is None


def test_every_route_is_in_the_contract_and_answered_by_its_context() -> None:
    contract = set()
    for method, path, operation in operations():
        integration = operation["x-amazon-apigateway-integration"]
        found = CONTEXT_OF_URI.search(integration["uri"]["Fn::Sub"])
        assert found, path
        assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
        if method != "options":
            contract.add((found[1].lower(), found[2].lower(), method, path))
    answered = {
        (template.name, door.lower(), *route)
        for template in TEMPLATES[1:]
        for door in ("Api", "Credentials")
        if f"{door}Function" in dict(template.functions())
        for route in code.routes(api_source(template.name, door.lower()))
    }
    assert contract == answered


def test_every_path_answers_preflights_without_a_token() -> None:
    for path, item in OPENAPI["paths"].items():
        assert item["options"]["security"] == [], path


def test_every_other_route_wants_an_access_token() -> None:
    (scheme,) = OPENAPI["components"]["securitySchemes"]
    for method, path, operation in operations():
        if method != "options":
            program = FOR_PROGRAMS.get((method, path))
            scopes = ["aws.cognito.signin.user.admin", *([program] if program else [])]
            wanted: list[Json] = [{scheme: scopes}]
            assert operation["security"] == ([] if (method, path) in OPEN else wanted), path


def test_the_api_may_call_the_functions_of_its_routes_on_these_paths_only() -> None:
    allowed = {
        (
            target(properties["FunctionName"]),
            properties["FunctionName"]["Fn::GetAtt"][1],
            properties["SourceArn"]["Fn::Sub"].partition("/")[2],
        )
        for _, properties in TEMPLATES[0].properties("AWS::Lambda::Permission")
        if properties["Principal"] == "apigateway.amazonaws.com"
    }
    wanted = set()
    for _, path, operation in operations():
        uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
        found = CONTEXT_OF_URI.search(uri)
        assert found
        # A parameter of a path stands in an ARN as whatever there is.
        output = f"Outputs.{found[2]}FunctionArn"
        wanted.add((found[1], output, "*/*" + re.sub(r"{\w+}", "*", path)))
    assert allowed == wanted


def test_refusals_are_problem_documents_and_so_are_the_gateways_own() -> None:
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for method, path, operation in operations():
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and (method, path, status) != ("get", "/health", "503"):
                assert answer["content"] == {"application/problem+json": problem}, path
    required = OPENAPI["components"]["schemas"]["Problem"]["required"]
    for kind, response in OPENAPI["x-amazon-apigateway-gateway-responses"].items():
        header = response["responseParameters"]["gatewayresponse.header.Content-Type"]
        assert header == "'application/problem+json'", kind
        body = json.loads(response["responseTemplates"]["application/json"])
        assert set(body) == set(required), kind
        assert body["status"] == response["statusCode"], kind
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "UNAUTHORIZED", "THROTTLED"} <= (
        OPENAPI["x-amazon-apigateway-gateway-responses"].keys()
    )


def test_too_many_requests_are_told_when_to_come_again() -> None:
    """The gateway fills up again each second; scripts of a browser may read the header."""
    throttled = OPENAPI["x-amazon-apigateway-gateway-responses"]["THROTTLED"]["responseParameters"]
    assert throttled["gatewayresponse.header.Retry-After"] == "'1'"
    exposed = throttled["gatewayresponse.header.Access-Control-Expose-Headers"]
    assert exposed == "'Retry-After'"
    told = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
    for _, path, operation in operations():
        if "429" in operation["responses"]:
            assert operation["responses"]["429"]["headers"] == told, path


def test_an_organisation_may_be_described_at_the_length_that_the_code_takes() -> None:
    shown = OPENAPI["components"]["schemas"]["CreateOrganization"]["properties"]
    taken = CreateOrganizationInput.model_json_schema(by_alias=True)["properties"]
    for name in ("name", "description", "industry"):
        parts = [each for each in walk(taken[name]) if isinstance(each, dict)]
        longest = [each["maxLength"] for each in parts if "maxLength" in each]
        assert [shown[name]["maxLength"]] == longest, name
    assert (shown["slug"]["minLength"], shown["slug"]["maxLength"]) == (SLUG_SHORTEST, SLUG_LONGEST)
    longest_key = "k" * shown["clientMutationId"]["maxLength"]
    parse(CreateOrganizationInput, {"name": "Acme", "clientMutationId": longest_key})
    with pytest.raises(InvalidInputError):
        parse(CreateOrganizationInput, {"name": "Acme", "clientMutationId": longest_key + "k"})


def outcomes(kind: type[TenantryError] = TenantryError) -> set[int]:
    return {kind.status}.union(*(outcomes(each) for each in kind.__subclasses__()))


def test_a_command_tells_exactly_the_statuses_there_are() -> None:
    gateway = OPENAPI["x-amazon-apigateway-gateway-responses"].values()
    possible = {str(status) for status in (*outcomes(), *(each["statusCode"] for each in gateway))}
    told = OPENAPI["paths"]["/api/organizations"]["post"]["responses"].keys()
    assert told == {"201"} | possible - {"404"}  # nothing that it looks for may be missing


def test_both_contracts_show_the_same_organisation() -> None:
    shown = OPENAPI["components"]["schemas"]
    for name in ("Organization", "Member", "Limits", "Usage", "OrganizationSettings"):
        kind = SCHEMA.type_map[name]
        assert isinstance(kind, GraphQLObjectType)
        assert set(shown[name]["properties"]) == set(kind.fields), name
    created = SCHEMA.type_map["CreateOrganizationInput"]
    assert isinstance(created, GraphQLInputObjectType)
    assert set(shown["CreateOrganization"]["properties"]) == set(created.fields)
