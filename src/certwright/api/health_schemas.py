"""What the routes of health take and give, as OpenAPI declares it."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from ..core.query import CHARACTERS_MAX
from ..operations.count_scores import DAYS, DAYS_MAX
from .schemas import Answer, Query, Time

Percent = int | None


class ScoreQuery(Query):
    days: int = Field(DAYS, ge=1, le=DAYS_MAX, description="How far back the trend goes.")


class ScoreOfDay(Answer):
    day: str
    score: Percent


class TeamScore(Answer):
    team: str | None = Field(description="Empty for what has none; null for everything.")
    score: Percent = Field(description="In percent; null where nothing is in use.")
    change: Percent = Field(description="In points, over the days; null where there is but one.")
    counted_at: Time
    certificates: int = Field(description="In use.")
    sound: int = Field(description="Of these, without anything critical and any warning.")
    critical: int
    warning: int
    notice: int
    accepted: int
    days: list[ScoreOfDay] = Field(description="The oldest first.")


class ScoreList(Answer):
    scores: list[TeamScore] = Field(description="Everything, then the lowest first.")
    total: int


class BillQuery(Query):
    query: Annotated[str, StringConstraints(max_length=CHARACTERS_MAX)] = Field(
        "", description="In the language of searches; without: `status:live`."
    )


class BillOfMaterials(Answer):
    """As CycloneDX 1.6 has it."""

    bomFormat: Literal["CycloneDX"]  # noqa: N815
    specVersion: Literal["1.6"]  # noqa: N815
    serialNumber: str  # noqa: N815
    version: int
    metadata: dict[str, Any]
    components: list[dict[str, Any]]
    dependencies: list[dict[str, Any]]


class SystemReadiness(Answer):
    kind: Literal["everything", "host", "team", "environment"]
    name: str = Field(description="Of a team or environment; empty for none.")
    places: int = Field(description="TLS endpoints.")
    hybrid: int = Field(description="Of these, those that took a key exchange with ML-KEM.")
    plain: int = Field(description="Those that took none of these, although they were offered.")
    certificates: int
    safe: int = Field(description="With a key and a signature that a quantum computer does not break.")
    classical: int
    lasting: int = Field(description="Classical ones that live beyond the horizon.")


class ReadinessList(Answer):
    counted_at: Time | None
    horizon: str
    systems: list[SystemReadiness] = Field(description="Everything, then what has most left to do.")
    totals: dict[str, int] = Field(description="How many systems of each kind there are.")
