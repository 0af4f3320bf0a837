"""The data of the usual stack's functions."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel


class Branding(BaseModel):
    logo_key: str | None = None
    primary_color: str | None = None
    support_email: str | None = None


class Settings(BaseModel):
    allowed_domains: list[str] = []
    join_by_domain: bool = False
    branding: Branding = Branding()
    feature_flags: dict[str, bool] = {}


class Organization(BaseModel):
    tenant_id: str
    name: str
    slug: str
    status: str = "ACTIVE"
    plan: str = "FREE"
    settings: Settings = Settings()
    used_users: int = 0
    created_at: datetime
    updated_at: datetime
    entity_version: int = 1


class Member(BaseModel):
    tenant_id: str
    entity_id: str
    role: str
    status: str = "ACTIVE"


class Profile(BaseModel):
    entity_id: str
    email: str
    name: str | None = None
    status: str = "ACTIVE"
    locale: str = "en"


class CreateOrganization(BaseModel):
    name: str
    slug: str | None = None
    description: str | None = None


class Event(BaseModel):
    id: str
    type: str
    context: str
    occurred_at: datetime
    tenant_id: str | None = None
    entity_id: str
    entity_version: int
    data: dict[str, Any]
