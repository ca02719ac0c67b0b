"""`/users`, `/teams` and `/responsibility`."""

from dataclasses import asdict
from datetime import timedelta

from django.http import HttpRequest
from ninja import Path, Query, Router

from ..core.access import Actor
from ..core.documents import seconds_of
from ..operations.context import Context
from ..operations.first_passwords import FirstPassword, create_with_password, reset_password
from ..operations.hand_over import hand_over
from ..operations.manage_teams import add_member, change_team, create_team, remove_member
from ..operations.manage_users import NewUser, change_user, disable_user, enable_user
from ..operations.people_documents import team_document, team_documents, user_document, user_documents
from ..operations.responsibility_matrix import responsibility_matrix
from . import people_schemas as schemas
from .schemas import AccountName
from .web import Document, require_known_parameters, run

router = Router()


# -- accounts ------------------------------------------------------------------------------------


@router.get("/users", response=schemas.UserList, tags=["users"], operation_id="list_users")
def list_all_users(request: HttpRequest) -> Document:
    """List the accounts of people and services."""

    async def act(context: Context, actor: Actor) -> list[Document]:
        return await user_documents(context.database, context.snapshot, actor)

    return {"users": run(request, act)}


@router.post("/users", response={201: schemas.UserWithPassword}, tags=["users"], operation_id="create_user")
def make_user(request: HttpRequest, body: schemas.NewUserBody) -> Document:
    """Make an account. A person's gets a one-time password, which is shown once."""
    new = NewUser(
        body.name,
        body.display_name,
        body.email,
        service=body.service,
        origin=body.origin,
        external_id=body.external_id,
    )

    async def act(context: Context, actor: Actor) -> Document:
        return _with_password(context, await create_with_password(context, actor, new))

    return run(request, act)


@router.put("/users/{name}", response=schemas.User, tags=["users"], operation_id="change_user")
def put_user(request: HttpRequest, name: Path[AccountName], body: schemas.UserBody) -> Document:
    """Change what an account is called, and where its mail goes."""

    async def act(context: Context, actor: Actor) -> Document:
        row = await change_user(context, actor, name, body.display_name, body.email)
        return user_document(context.snapshot, row)

    return run(request, act)


@router.post(
    "/users/{name}/disable", response=schemas.DisabledUser, tags=["users"], operation_id="disable_user"
)
def end_user(request: HttpRequest, name: Path[AccountName], body: schemas.SuccessorBody) -> Document:
    """Disable an account; a worker hands over what it answers for to who is named."""

    async def act(context: Context, actor: Actor) -> Document:
        done = await disable_user(context, actor, name, body.owner or "", body.team or "")
        return user_document(context.snapshot, done.row) | {"certificates": done.certificates}

    return run(request, act)


@router.post("/users/{name}/enable", response=schemas.User, tags=["users"], operation_id="enable_user")
def begin_user(request: HttpRequest, name: Path[AccountName]) -> Document:
    """Enable a disabled account again."""

    async def act(context: Context, actor: Actor) -> Document:
        return user_document(context.snapshot, await enable_user(context, actor, name))

    return run(request, act)


@router.post(
    "/users/{name}/password",
    response=schemas.UserWithPassword,
    tags=["users"],
    operation_id="reset_password",
)
def make_password(request: HttpRequest, name: Path[AccountName]) -> Document:
    """Make a one-time password for an account; it is shown once."""

    async def act(context: Context, actor: Actor) -> Document:
        return _with_password(context, await reset_password(context, actor, name))

    return run(request, act)


@router.post("/users/{name}/hand-over", response=schemas.HandedOver, tags=["users"], operation_id="hand_over")
def give_over(request: HttpRequest, name: Path[AccountName], body: schemas.SuccessorBody) -> Document:
    """Hand over everything that an account answers for. To do it again does no harm."""

    async def act(context: Context, actor: Actor) -> Document:
        done = await hand_over(context, actor, name, body.owner or "", body.team or "")
        return {"certificates": done.certificates, "endpoints": done.endpoints, "refused": done.refused}

    return run(request, act)


@router.get(
    "/responsibility", response=schemas.Matrix, tags=["certificates"], operation_id="show_responsibility"
)
def show_matrix(request: HttpRequest, wanted: Query[schemas.MatrixQuery]) -> Document:
    """Show who answers for how many certificates that hold, by profile and authority."""
    require_known_parameters(request, schemas.MatrixQuery)
    within = timedelta(seconds=seconds_of("query.expiring", wanted.expiring))

    async def act(context: Context, actor: Actor) -> Document:
        lines = await responsibility_matrix(context.database, actor, context.clock(), within)
        return {"lines": list(map(asdict, lines))}

    return run(request, act)


def _with_password(context: Context, made: FirstPassword) -> Document:
    return user_document(context.snapshot, made.row) | {"password": made.password or None}


# -- teams ---------------------------------------------------------------------------------------


@router.get("/teams", response=schemas.TeamList, tags=["teams"], operation_id="list_teams")
def list_all_teams(request: HttpRequest) -> Document:
    """List the teams and who is in them."""

    async def act(context: Context, actor: Actor) -> list[Document]:
        return team_documents(context.snapshot, actor)

    return {"teams": run(request, act)}


@router.post("/teams", response={201: schemas.Team}, tags=["teams"], operation_id="create_team")
def make_team(request: HttpRequest, body: schemas.NewTeamBody) -> Document:
    """Make a team."""

    async def act(context: Context, actor: Actor) -> Document:
        row = await create_team(context, actor, body.name, body.description, body.email)
        return team_document(context.snapshot, row)

    return run(request, act)


@router.put("/teams/{name}", response=schemas.Team, tags=["teams"], operation_id="change_team")
def put_team(request: HttpRequest, name: Path[AccountName], body: schemas.TeamBody) -> Document:
    """Change a team's description and mail address."""

    async def act(context: Context, actor: Actor) -> Document:
        row = await change_team(context, actor, name, body.description, body.email)
        return team_document(context.snapshot, row)

    return run(request, act)


@router.put(
    "/teams/{name}/members/{user}", response=schemas.Team, tags=["teams"], operation_id="add_team_member"
)
def put_member(request: HttpRequest, name: Path[AccountName], user: Path[AccountName]) -> Document:
    """Put an account in a team; it has the team's roles from now on."""

    async def act(context: Context, actor: Actor) -> Document:
        await add_member(context, actor, name, user)
        return team_document(context.snapshot, context.snapshot.team(name))

    return run(request, act)


@router.delete(
    "/teams/{name}/members/{user}",
    response=schemas.Team,
    tags=["teams"],
    operation_id="remove_team_member",
)
def delete_member(request: HttpRequest, name: Path[AccountName], user: Path[AccountName]) -> Document:
    """Take an account out of a team."""

    async def act(context: Context, actor: Actor) -> Document:
        await remove_member(context, actor, name, user)
        return team_document(context.snapshot, context.snapshot.team(name))

    return run(request, act)
