"""What `/proposals` and `/second-person` take and give."""

from typing import Any

from pydantic import Field

from ..core.second_person import CHOSEN, HOURS, HOURS_MAX, Kind, State
from .schemas import Answer, Body, Digest, Time

_CHOSEN = ", ".join(f"`{kind}`" for kind in CHOSEN)


class Proposal(Answer):
    number: str
    kind: Kind
    state: State
    touches: list[str] = Field(description="In words, exactly what it would do; the first line says what.")
    arguments: dict[str, Any] = Field(description="The same, as what is confirmed.")
    digest: Digest
    proposed_by: str
    proposed_at: Time
    expires_at: Time
    confirmed_by: str
    confirmed_at: Time | None
    withdrawn_at: Time | None
    done_at: Time | None


class ProposalList(Answer):
    proposals: list[Proposal]


class RuleBody(Body):
    kinds: list[str] = Field(max_length=len(CHOSEN), description=f"Of {_CHOSEN}.")
    hours: int = Field(HOURS, ge=1, le=HOURS_MAX, description="For how long a proposal holds.")


class Rule(Answer):
    kinds: list[str]
    hours: int
    suspended_until: Time | None = Field(description="While break-glass is open.")
