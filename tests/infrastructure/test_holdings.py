"""Whatever the code keeps below an organisation's key is declared: what goes, and what stays."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.tenancy.holdings import (
    Holding,
    Store,
    holding_of,
    holdings,
    told_of_tenants_tables,
)
from tests.infrastructure.templates import ROOT

PRODUCT = ROOT / "layers" / "tenantry" / "tenantry"

# What is declared, typed here: a context that joins adds its lines.
GOES = {
    "platform MACHINE#",
    "platform MEMBER#",
    "platform SUPPORT#",
    "platform OPERATOR#",
    "platform DOMAIN#",
    "platform INVITATION#",
    "platform INVITELINK#",
    "platform INVITEE#",
    "platform INVITES#",
    "platform LICENSE#",
    "platform LICENSED#",
    "platform USAGE",
    "platform ROOM#",
    "platform STORAGE#",
    "platform AUDIT_GAP#",
    "tenant ",
    "tenant EXPORTS ",
}
STAYS = {
    "platform ORGANIZATION",
    "platform SUBSCRIPTION",
    "platform ACCOUNT",
    "audit AUDIT#* ",
    "audit AUDIT RETENTION",
    "audit LATE#* ",
    "audit VERSIONS#* ",
    "audit SEALS ",
}

# What organisations' own AWS accounts are believed to tell of themselves.
TOLD = {
    ("AccountProbe", "accounts", "AccountProbed"),
    ("AuditExport", "audit", "AuditExportRequested"),
    ("AuditExport", "audit", "AuditExported"),
    ("AuditExport", "audit", "AuditExportFailed"),
    ("AuditExport", "audit", "AuditExportCancelled"),
}


def name(holding: Holding) -> str:
    below = "#".join(holding.below)
    return f"{holding.store.value} {f'{below} ' if below else ''}{holding.sort}"


def test_what_goes_and_what_stays_is_this() -> None:
    assert {name(each) for each in holdings() if each.goes} == GOES
    assert {name(each) for each in holdings() if not each.goes} == STAYS


def test_what_tenants_tables_tell_is_this() -> None:
    assert told_of_tenants_tables() == TOLD


def test_only_what_lies_in_tenants_tables_is_told_of_them() -> None:
    assert not [name(each) for each in holdings() if each.tells and each.store is not Store.TENANT]


def test_all_that_is_kept_of_tenants_can_be_found_when_they_move() -> None:
    """A move reads partitions by their names: a family of them has none that it could know."""
    of_tenants = [each for each in holdings() if each.store is Store.TENANT]
    assert of_tenants
    assert not [name(each) for each in of_tenants if each.below[-1:] == ("*",)]


def _constants(tree: ast.Module) -> dict[str, str]:
    """Texts that a module gives names to."""
    found: dict[str, str] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=known)], value=ast.Constant(value=str(text))):
                found[known] = text
            case ast.AnnAssign(target=ast.Name(id=known), value=ast.Constant(value=str(text))):
                found[known] = text
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                pairs = zip(names, values, strict=True)
                found |= {
                    of.id: each.value
                    for of, each in pairs
                    if isinstance(of, ast.Name)
                    and isinstance(each, ast.Constant)
                    and isinstance(each.value, str)
                }
    return found


def _text(node: ast.expr, known: dict[str, str]) -> str | None:
    """A text as it is written, `*` for what is only known when it runs."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=of) if of in known:
            return known[of]
        case ast.JoinedStr(values=parts):
            return "".join(_text(part, known) or "*" for part in parts)
        case ast.FormattedValue(value=value):
            return _text(value, known)
        case _:
            return None


def _below(node: ast.expr, known: dict[str, str]) -> tuple[str, ...] | None:
    """What is below an organisation's key in a call of `organization_pk`."""
    match node:
        case ast.Call(func=ast.Name(id="organization_pk"), args=[_, *rest]):
            return tuple(_text(each, known) or "*" for each in rest)
        case _:
            return None


def kept_below(path: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    """The partitions and the sort keys that a module writes below an organisation's key."""
    tree = ast.parse(path.read_text())
    known = _constants(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="key"), args=[pk, sk]):
                below = _below(pk, known)
                if below is not None and (text := _text(sk, known)):
                    yield below, text.replace("*", "x")
                elif below:
                    yield below, "x"


KEPT = sorted(
    {
        (str(path.relative_to(PRODUCT)), below, sk)
        for path in PRODUCT.rglob("*.py")
        if path.name != "holdings.py"
        for below, sk in kept_below(path)
    }
)


def test_the_code_is_read() -> None:
    assert ("organizations/dynamodb.py", (), "SUPPORT#x") in KEPT
    assert ("audit/dynamodb_exports.py", ("EXPORTS",), "OPEN") in KEPT
    assert len(KEPT) >= 30


@pytest.mark.parametrize(
    ("path", "below", "sk"), KEPT, ids=[re.sub(r"\W+", "-", str(each)) for each in KEPT]
)
def test_what_the_code_keeps_of_an_organisation_is_declared(
    path: str, below: tuple[str, ...], sk: str
) -> None:
    if not below and path in ("accounts/tenant_data.py", "tenancy/tenant_table.py"):
        stores = [Store.TENANT]  # of which everything below the key goes
    elif below == ("*", "*"):
        return  # keys of an index
    else:
        stores = [Store.TENANT, Store.AUDIT] if below else [Store.PLATFORM]
    pk = "#".join(("ORG", "acme", *(part.replace("*", "x") for part in below)))

    assert any(holding_of(store, "acme", pk, sk) for store in stores), f"{path}: {below} {sk}"


def test_the_narrowest_declaration_counts() -> None:
    gone = holding_of(Store.PLATFORM, "acme", "ORG#acme", "MEMBER#ada")
    assert gone is not None
    assert gone.goes
    assert holding_of(Store.PLATFORM, "acme", "ORG#acme", "MEMBERS") is None
    assert holding_of(Store.PLATFORM, "acme", "ORG#acme-2", "MEMBER#ada") is None
    assert holding_of(Store.TENANT, "acme", "ORG#acme#UNHEARD", "OF") is None
