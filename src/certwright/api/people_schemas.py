"""What REST takes and gives of accounts, teams, and who answers for what, as OpenAPI declares it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from .schemas import (
    AS_IT_IS,
    AccountName,
    Answer,
    Answering,
    Body,
    Line,
    Moment,
    Next,
    Query,
    Searched,
    Tag,
    Time,
)

Environment = Annotated[str, StringConstraints(max_length=60, pattern=r"^([a-z0-9][a-z0-9._-]*)?$")]

Mail = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[str, StringConstraints(max_length=1000)]


class AssignBody(Body):
    """Who answers for a certificate."""

    team: Answering = Field(None, description=f"Team. {AS_IT_IS}")
    owner: Answering = Field(None, description=f"Account. {AS_IT_IS}")
    tagged: list[Tag] = Field([], max_length=20, description="Tags to put on.")
    untagged: list[Tag] = Field([], max_length=20, description="Tags to take off.")
    environment: Environment | None = Field(
        None, description="What it is used in. Left out: as it is; empty: not said."
    )
    standing: Literal["adopted", "ignored"] | None = Field(None, description="Of a certificate of others.")
    reason: Line | None = Field("", description="Why it is ignored; needed then, and only then.")
    fields: dict[str, Line | None] = Field(
        {}, description="The organization's own, by name. Left out: as it is; empty or null: taken away."
    )


class SelectBody(Body):
    """Which certificates: at least one of these."""

    authority: Line | None = None
    profile: Line | None = None
    endpoint: Line | None = None
    name: Line | None = None
    team: Line | None = None
    owner: Line | None = None
    responsible: Line | None = None
    unowned: bool | None = None
    tag: Line | None = None
    key_algorithm: Line | None = None
    revoked: bool | None = None
    expires_after: Moment | None = None
    expires_before: Moment | None = None
    query: Searched | None = Field(None, description="In the language of searches.")


class AssignSelectedBody(AssignBody):
    filter: SelectBody
    rehearse: bool = Field(False, description="Change nothing, count.")
    after: str | None = Field(
        None, pattern=r"^[0-9]{1,19}$", description="`next` of an earlier answer, to go on."
    )


class Assigned(Answer):
    total: int = Field(description="How many the filter selects, from here on.")
    changed: int = Field(description="Were changed, or would be.")
    unchanged: int = Field(description="Are so already.")
    refused: int = Field(description="The caller may not change so.")
    next: Next


class TeamBody(Body):
    description: Text = ""
    email: Mail = Field("", description="Where notices go beside the members', or empty.")


class NewTeamBody(TeamBody):
    name: AccountName


class Team(Answer):
    name: str
    description: str
    email: str
    created_at: Time
    members: list[str]


class TeamList(Answer):
    teams: list[Team]


class UserBody(Body):
    display_name: Line = ""
    email: Mail = ""


class NewUserBody(UserBody):
    name: AccountName
    service: bool = Field(False, description="It has tokens and never logs in.")
    origin: Annotated[str, StringConstraints(pattern=r"^(local|ldap|(oidc|saml):[a-z0-9-]{1,40})$")] = Field(
        "local",
        description="Who vouches for the person, in place of a password here: `ldap`, `oidc:NAME`, "
        "`saml:NAME`.",
    )
    external_id: Annotated[str, StringConstraints(max_length=500)] = Field(
        "",
        description="Whom they mean: for OpenID providers the subject, for LDAP and SAML the `id_attribute`.",
    )


class SuccessorBody(Body):
    """Who gets what the account answers for."""

    owner: AccountName | None = Field(None, description="Account.")
    team: AccountName | None = Field(None, description="Team. Left out: as it was.")


class User(Answer):
    name: str
    display_name: str
    email: str
    service: bool
    origin: str
    teams: list[str]
    created_at: Time
    last_login_at: Time | None
    disabled_at: Time | None
    password_expires_at: Time | None


class UserWithPassword(User):
    password: str | None = Field(description="Good once, for a day. Shown once.")


class DisabledUser(User):
    certificates: int = Field(description="That hold still, and that it leaves behind.")


class UserList(Answer):
    users: list[User]


class MatrixQuery(Query):
    expiring: str = Field(
        "30d", pattern=r"^[1-9][0-9]{0,4}[smhd]$", description="What counts as ending soon: `30d`, `12h`."
    )


class MatrixLine(Answer):
    team: str
    owner: str
    profile: str
    authority: str
    live: int = Field(description="Neither revoked nor on hold nor at their end.")
    expiring: int = Field(description="Of those, how many end soon.")


class Matrix(Answer):
    lines: list[MatrixLine]


class HandedOver(Answer):
    certificates: int
    endpoints: int
    refused: int = Field(description="What the caller may not hand over.")
