"""Control Tower's Account Factory, the product of Service Catalog that makes AWS accounts.

MiniStack has no Service Catalog. This is what Account Factory's one product needs of it: to be
provisioned, looked for, asked for again and terminated, each in its own time. On AWS a product
becomes an account of Organizations with the role `AWSControlTowerExecution`, in the unit that was
asked for; terminating it takes the account out of Control Tower, without that role, to the root,
and closes nothing. A name is a product's only one, a token is a request's only one, and five
products change at a time. See "ProvisionProduct", "DescribeRecord", "SearchProvisionedProducts",
"DescribeProvisionedProduct", "UpdateProvisionedProduct" and "TerminateProvisionedProduct" in the
Service Catalog API reference, "Automate Account Provisioning in AWS Control Tower by Service
Catalog APIs" and "Unenroll an account" in the Control Tower user guide.

`LOCALCLOUD_ACCOUNT_SECONDS` says how long each takes; what is called
`...-slow` takes a minute.
"""

from __future__ import annotations

import copy
import json
import re
import sys
import time
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions, router
from ministack.core.responses import (
    AccountScopedDict,
    _request_account_id,
    error_response_json,
    get_account_id,
    get_region,
    new_uuid,
)
from ministack.services import iam, organizations

from localcloud.edge.organization_accounts import create_access_role
from localcloud.edge.organization_requests import AT_ONCE, account_of, make_account, seconds

ROLE = "AWSControlTowerExecution"
TYPE = "CONTROL_TOWER_ACCOUNT"
NAME = "service_catalog"

_INVALID = "InvalidParametersException"
_NEEDED = ("AccountName", "AccountEmail", "ManagedOrganizationalUnit")
_NEEDED_OF_SSO = ("SSOUserEmail", "SSOUserFirstName", "SSOUserLastName")
_UNIT = re.compile(r"\((ou-[0-9a-z-]+)\)$")

type Answer = tuple[int, dict[str, str], bytes]


class RefusedError(Exception):
    """The request, by a code of Service Catalog's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


_products = AccountScopedDict()  # by id
_records = AccountScopedDict()  # by id, with what is to be done as `_work`
_tokens = AccountScopedDict()  # by token, the record's id
_stores = {"products": _products, "records": _records, "tokens": _tokens}


def install() -> None:
    """Answer Service Catalog's requests as one of MiniStack's own services."""
    from ministack import app

    app.SERVICE_REGISTRY["servicecatalog"] = {"module": NAME}
    app._loaded_modules[NAME] = sys.modules[__name__]
    app.SERVICE_HANDLERS["servicecatalog"] = handle_request
    app._state_map[NAME] = NAME
    router.SERVICE_PATTERNS["servicecatalog"] = {
        "target_prefixes": ["AWS242ServiceCatalogService"],
        "host_patterns": [r"^servicecatalog\."],
        "credential_scope": "servicecatalog",
    }
    iam_actions.SERVICE_TO_IAM_NAMESPACE["servicecatalog"] = "servicecatalog"


def reset() -> None:
    for store in _stores.values():
        store.clear()


def get_state() -> dict[str, Any]:
    return {name: copy.deepcopy(store) for name, store in _stores.items()}


def load_persisted_state(data: dict[str, Any] | None) -> None:
    for name, store in _stores.items():
        store.clear()
        if data and data.get(name) is not None:
            store.update(data[name])


async def handle_request(
    _method: str,
    _path: str,
    headers: dict[str, str],
    body: bytes,
    _query_params: dict[str, list[str]],
) -> Answer:
    """One request of the JSON protocol."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    handle = _OPERATIONS.get(operation)
    if handle is None:
        return _error("InvalidAction", f"Operation '{operation}' not implemented")
    _settle()
    try:
        content = handle(json.loads(body or b"{}"))
    except RefusedError as refused:
        return _error(refused.code, str(refused))
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(content).encode()


def _provision(asked: dict[str, Any]) -> dict[str, Any]:
    if known := _tokens.get(asked["ProvisionToken"]):
        return {"RecordDetail": _public(_records[known])}
    name, parameters = asked["ProvisionedProductName"], _parameters(asked)
    if any(each["Name"] == name for each in _products.values()):
        raise RefusedError(_INVALID, f"A stack named {name} already exists.")
    if sum(each["Status"] == "UNDER_CHANGE" for each in _products.values()) >= AT_ONCE:
        raise _busy()
    product_id = f"pp-{_id()}"
    _products[product_id] = {
        "Id": product_id,
        "Name": name,
        "Arn": f"arn:aws:servicecatalog:{get_region()}:{get_account_id()}:{name}/{product_id}",
        "Type": TYPE,
        "Status": "UNDER_CHANGE",
        "CreatedTime": time.time(),
        "IdempotencyToken": asked["ProvisionToken"],
        "ProductId": asked.get("ProductId", "prod-accountfactory"),
        "ProvisioningArtifactId": asked.get("ProvisioningArtifactId", "pa-accountfactory"),
        "Tags": asked.get("Tags", []),
    }
    record = _begin(product_id, "PROVISION_PRODUCT", asked["ProvisionToken"], parameters)
    return {"RecordDetail": record}


def _update(asked: dict[str, Any]) -> dict[str, Any]:
    if known := _tokens.get(asked["UpdateToken"]):
        return {"RecordDetail": _public(_records[known])}
    product = _idle(_find(asked.get("ProvisionedProductId"), asked.get("ProvisionedProductName")))
    parameters = _parameters(asked)
    record = _begin(product["Id"], "UPDATE_PROVISIONED_PRODUCT", asked["UpdateToken"], parameters)
    return {"RecordDetail": record}


def _terminate(asked: dict[str, Any]) -> dict[str, Any]:
    if known := _tokens.get(asked["TerminateToken"]):
        return {"RecordDetail": _public(_records[known])}
    product = _idle(_find(asked.get("ProvisionedProductId"), asked.get("ProvisionedProductName")))
    record = _begin(product["Id"], "TERMINATE_PROVISIONED_PRODUCT", asked["TerminateToken"], {})
    return {"RecordDetail": record}


def _describe_record(asked: dict[str, Any]) -> dict[str, Any]:
    record = _records.get(asked["Id"])
    if record is None:
        raise RefusedError("ResourceNotFoundException", f"Record {asked['Id']} not found.")
    outputs = [
        {"OutputKey": key, "OutputValue": value}
        for key, value in record.get("_outputs", {}).items()
    ]
    return {"RecordDetail": _public(record), "RecordOutputs": outputs}


def _describe_product(asked: dict[str, Any]) -> dict[str, Any]:
    product = _find(asked.get("Id"), asked.get("Name"))
    left_out = ("PhysicalId", "Tags")  # the search alone tells them
    detail = {key: value for key, value in product.items() if key not in left_out}
    return {"ProvisionedProductDetail": detail, "CloudWatchDashboards": []}


def _search(asked: dict[str, Any]) -> dict[str, Any]:
    found = list(_products.values())
    for query in asked.get("Filters", {}).get("SearchQuery", []):
        key, _, text = query.partition(":")
        field = key[:1].upper() + key[1:]
        found = [each for each in found if text in str(each.get(field, ""))]
    begin, most = int(asked.get("PageToken") or 0), int(asked.get("PageSize") or 20)
    page: dict[str, Any] = {
        "ProvisionedProducts": found[begin : begin + most],
        "TotalResultsCount": len(found),
    }
    if begin + most < len(found):
        page["NextPageToken"] = str(begin + most)
    return page


_OPERATIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "ProvisionProduct": _provision,
    "UpdateProvisionedProduct": _update,
    "TerminateProvisionedProduct": _terminate,
    "DescribeRecord": _describe_record,
    "DescribeProvisionedProduct": _describe_product,
    "SearchProvisionedProducts": _search,
}


# in its own time


def _begin(product_id: str, kind: str, token: str, work: dict[str, str]) -> dict[str, Any]:
    record_id, product = f"rec-{_id()}", _products[product_id]
    now = time.time()
    _records[record_id] = {
        "RecordId": record_id,
        "ProvisionedProductName": product["Name"],
        "ProvisionedProductId": product_id,
        "ProvisionedProductType": TYPE,
        "ProductId": product["ProductId"],
        "ProvisioningArtifactId": product["ProvisioningArtifactId"],
        "RecordType": kind,
        "Status": "CREATED",
        "CreatedTime": now,
        "UpdatedTime": now,
        "RecordErrors": [],
        "RecordTags": product["Tags"],
        "_work": work,
        "_due": now + seconds(product["Name"]),
    }
    _tokens[token] = record_id
    _products[product_id] = {**product, "Status": "UNDER_CHANGE", "LastRecordId": record_id}
    if kind != "TERMINATE_PROVISIONED_PRODUCT":
        _products[product_id] |= {"LastProvisioningRecordId": record_id}
    return _public(_records[record_id])


def _settle() -> None:
    for record in list(_records.values()):
        if record["Status"] == "CREATED":
            _records[record["RecordId"]] = {**record, "Status": "IN_PROGRESS"}
        if record["Status"] == "IN_PROGRESS" and record["_due"] <= time.time():
            _finish(record)


def _finish(record: dict[str, Any]) -> None:
    product = _products[record["ProvisionedProductId"]]
    if record["RecordType"] == "TERMINATE_PROVISIONED_PRODUCT":
        if account := product.get("PhysicalId"):
            _leave(account)
        del _products[product["Id"]]
        _end(record, "SUCCEEDED")
        return
    try:
        account = _enrol(record["_work"])
    except RefusedError as refused:
        _end(record, "FAILED", RecordErrors=[{"Code": refused.code, "Description": str(refused)}])
        known = account_of(record["_work"]["AccountEmail"])
        there = known and known["Id"] in organizations._accounts
        physical = {"PhysicalId": known["Id"]} if known and there else {}
        status = "TAINTED" if product.get("LastSuccessfulProvisioningRecordId") else "ERROR"
        _products[product["Id"]] = {**product, "Status": status, **physical}
        return
    work = record["_work"]
    _end(
        record,
        "SUCCEEDED",
        _outputs={
            "AccountId": account,
            "AccountEmail": work["AccountEmail"],
            "SSOUserEmail": work["SSOUserEmail"],
        },
    )
    _products[product["Id"]] = {
        **product,
        "Status": "AVAILABLE",
        "PhysicalId": account,
        "LastSuccessfulProvisioningRecordId": record["RecordId"],
    }


def _enrol(work: dict[str, str]) -> str:
    """The account of the address, made unless it is there, in its unit."""
    organizations._ensure_org()
    match = _UNIT.search(work["ManagedOrganizationalUnit"])
    unit = match[1] if match else None
    if unit not in organizations._ous:
        raise RefusedError(
            "InvalidParametersException", f"The unit {unit} is not in Control Tower."
        )
    email = work["AccountEmail"]
    known = account_of(email)
    if known is None:
        asked = {"Email": email, "AccountName": work["AccountName"]}
        account_id = make_account(organizations._create_account, asked)
        create_access_role(account_id, ROLE)
    else:
        account_id = known["Id"]
        if account_id not in organizations._accounts or not _has_role(account_id):
            raise RefusedError("EMAIL_ALREADY_EXISTS", f"{email} cannot be enrolled.")
    account = organizations._accounts[account_id]
    organizations._accounts[account_id] = {**account, "_ParentId": unit}
    return account_id


def _leave(account_id: str) -> None:
    account = organizations._accounts.get(account_id)
    if account:
        root = next(iter(organizations._roots))
        organizations._accounts[account_id] = {**account, "_ParentId": root}
    token = _request_account_id.set(account_id)
    try:
        iam._roles.pop(ROLE, None)
    finally:
        _request_account_id.reset(token)


def _has_role(account_id: str) -> bool:
    token = _request_account_id.set(account_id)
    try:
        return ROLE in iam._roles
    finally:
        _request_account_id.reset(token)


def _end(record: dict[str, Any], status: str, **more: Any) -> None:
    _records[record["RecordId"]] = {
        **record,
        "Status": status,
        "UpdatedTime": time.time(),
        **more,
    }


# inside


def _parameters(asked: dict[str, Any]) -> dict[str, str]:
    given = {each["Key"]: each["Value"] for each in asked.get("ProvisioningParameters", [])}
    missing = [key for key in (*_NEEDED, *_NEEDED_OF_SSO) if not given.get(key)]
    if missing:
        raise RefusedError(
            "InvalidParametersException", f"Missing parameters: {', '.join(missing)}."
        )
    return given


def _find(product_id: str | None, name: str | None) -> dict[str, Any]:
    for each in _products.values():
        if each["Id"] == product_id or (name and each["Name"] == name):
            found: dict[str, Any] = each
            return found
    raise RefusedError(
        "ResourceNotFoundException", f"Provisioned product {product_id or name} not found."
    )


def _idle(product: dict[str, Any]) -> dict[str, Any]:
    if product["Status"] == "UNDER_CHANGE":
        raise _busy()
    return product


def _busy() -> RefusedError:
    """In the words of Control Tower, which has no code for it."""
    return RefusedError(
        _INVALID,
        "Account Factory cannot complete an operation on this account, because another AWS Control "
        "Tower operation is in progress. Try again later.",
    )


def _public(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if not key.startswith("_")}


def _id() -> str:
    return str(new_uuid()).replace("-", "")[:13]


def _error(code: str, message: str) -> Answer:
    answer: Answer = error_response_json(code, message, 400)
    return answer
