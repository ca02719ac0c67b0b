"""`/proposals` and `/second-person`: dangerous acts that wait for another person, and which those are."""

from django.http import HttpRequest
from ninja import Router

from ..core.access import Actor
from ..core.second_person import make_rule
from ..operations.carry_out import carry_out
from ..operations.context import Context
from ..operations.decide_proposal import confirm_proposal, withdraw_proposal
from ..operations.read_proposals import list_proposals, proposal_document, proposal_number, read_proposal
from ..operations.save_second_person import read_second_person, save_second_person, second_person_document
from . import proposal_schemas as schemas
from .web import Document, run

router = Router(tags=["second-person"])


@router.get("/proposals", response=schemas.ProposalList, operation_id="list_proposals")
def list_visible(request: HttpRequest) -> Document:
    """List the newest dangerous acts that the caller has proposed or could confirm, ended ones too."""

    async def act(context: Context, actor: Actor) -> Document:
        rows, now = await list_proposals(context.database, actor), context.clock()
        return {"proposals": [proposal_document(row, now) for row in rows]}

    return run(request, act)


@router.get("/proposals/{number}", response=schemas.Proposal, operation_id="show_proposal")
def show(request: HttpRequest, number: str) -> Document:
    """Show a proposal, and exactly what it would touch."""

    async def act(context: Context, actor: Actor) -> Document:
        found = await read_proposal(context.database, actor, proposal_number(number))
        return proposal_document(found, context.clock())

    return run(request, act)


@router.post("/proposals/{number}/confirm", response=schemas.Proposal, operation_id="confirm_proposal")
def confirm(request: HttpRequest, number: str) -> Document:
    """Permit what another person has proposed, once. Nothing is done by it yet."""

    async def act(context: Context, actor: Actor) -> Document:
        row = await confirm_proposal(context, actor, proposal_number(number))
        return proposal_document(row, context.clock())

    return run(request, act)


@router.post("/proposals/{number}/withdraw", response=schemas.Proposal, operation_id="withdraw_proposal")
def withdraw(request: HttpRequest, number: str) -> Document:
    """Take a proposal back before it is carried out."""

    async def act(context: Context, actor: Actor) -> Document:
        row = await withdraw_proposal(context, actor, proposal_number(number))
        return proposal_document(row, context.clock())

    return run(request, act)


@router.post("/proposals/{number}/carry-out", response=schemas.Proposal, operation_id="carry_out_proposal")
def do(request: HttpRequest, number: str) -> Document:
    """Do what one has proposed oneself and another has confirmed."""

    async def act(context: Context, actor: Actor) -> Document:
        row = await carry_out(context, actor, proposal_number(number))
        return proposal_document(row, context.clock())

    return run(request, act)


@router.get("/second-person", response=schemas.Rule, operation_id="show_second_person")
def show_rule(request: HttpRequest) -> Document:
    """Show for which dangerous acts a second person is needed."""

    async def act(context: Context, actor: Actor) -> Document:
        read_second_person(context.snapshot, actor)
        return second_person_document(context.snapshot, context.clock())

    return run(request, act)


@router.put("/second-person", response=schemas.Rule, operation_id="save_second_person")
def put_rule(request: HttpRequest, body: schemas.RuleBody) -> Document:
    """Say for which dangerous acts a second person is needed; to ask for less needs one, too."""

    async def act(context: Context, actor: Actor) -> Document:
        await save_second_person(context, actor, make_rule(body.kinds, body.hours))
        return second_person_document(context.snapshot, context.clock())

    return run(request, act)
