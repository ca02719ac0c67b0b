"""What the routes of health take and give, as OpenAPI declares it."""

from pydantic import Field

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
