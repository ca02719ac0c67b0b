"""Scores of teams: counted a day at a time, for those who may view the certificates, and taken away."""

from datetime import timedelta

from certwright.core.access import Actor, Grant, Role
from certwright.core.responsibility import Assignment
from certwright.core.standing import Standing
from certwright.operations.assign_owner import assign_selected
from certwright.operations.context import Context
from certwright.operations.count_scores import Trend, count_scores, list_scores, trend_document
from certwright.operations.findings import DUE, NO_TEAM, FindingFilter, accept_finding, list_findings
from certwright.operations.list_certificates import CertificateFilter
from certwright.operations.manage_teams import create_team
from certwright.operations.note_findings import check_health
from certwright.operations.purge_seen import purge_seen
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from tests.operations.installed import with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock
from tests.real.toy_chains import BEGIN, ToyAuthority

STRANGER = ToyAuthority("Elsewhere")
OF_WEB = Actor("user:w", (Grant(Role.OPERATOR, "team:web"),))
OF_TAG = Actor("user:t", (Grant(Role.OPERATOR, "tag:shop"),))


async def served(context: Context, team: str, count: int) -> None:
    """So many certificates of a stranger, adopted for a team."""
    await create_team(context, ADMINISTRATOR, team)
    hosts = [f"{number}.{team}.example.test" for number in range(count)]
    leaves = [STRANGER.sign(host, None, host, days=900) for host in hosts]
    seen = [
        Sighting(Place("tls", host, 443, host), BEGIN, (leaf,))
        for host, leaf in zip(hosts, leaves, strict=True)
    ]
    await take_sightings(context, Look(1), seen)
    adopted = Assignment(team=team, standing=Standing.ADOPTED)
    await assign_selected(context, ADMINISTRATOR, CertificateFilter(name=f".{team}.example.test"), adopted)


async def trend_of(context: Context, actor: Actor, scope: str) -> Trend:
    found = await list_scores(context, actor)
    return next(one for one in found.trends if one.row.scope == scope)


def test_each_team_has_a_score_and_everything_has_one(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        assert (await list_scores(context, ADMINISTRATOR)).trends == ()
        await served(context, "web", 2)
        await served(context, "mail", 1)
        await check_health(context)
        await count_scores(context)
        web = await trend_of(context, ADMINISTRATOR, "team:web")
        assert (web.percent, web.change, web.row.certificates, web.row.sound) == (0, None, 2, 0)
        wanted = FindingFilter(team="web", state=DUE)
        due = await list_findings(context, ADMINISTRATOR, wanted)
        assert web.row.critical + web.row.warning + web.row.notice == len(due) > 0
        every = await trend_of(context, ADMINISTRATOR, "*")
        nobody = await trend_of(context, ADMINISTRATOR, "team:")
        ours = nobody.row.certificates
        assert every.row.certificates == 3 + ours
        loose = await list_findings(context, ADMINISTRATOR, FindingFilter(team=NO_TEAM, state=DUE))
        assert nobody.row.critical + nobody.row.warning + nobody.row.notice == len(loose)

    with_installation(database, body)


def test_what_is_accepted_lowers_nothing_and_a_day_makes_a_trend(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        clock.offset += timedelta(hours=(36 - clock().hour) % 24)  # far from midnight
        await served(context, "web", 2)
        await check_health(context)
        scopes = await count_scores(context)
        first = (await list_findings(context, ADMINISTRATOR, FindingFilter(team="web")))[0].certificate_id
        wanted = FindingFilter(team="web", certificate=first)
        accepted = await list_findings(context, ADMINISTRATOR, wanted)
        for one in accepted:
            until = context.clock() + timedelta(days=30)
            await accept_finding(context, ADMINISTRATOR, one.id, until, "for now")
        assert await count_scores(context) == scopes
        web = await trend_of(context, OF_WEB, "team:web")
        assert (web.percent, web.row.accepted, len(web.days)) == (50, len(accepted), 1), "the same day"
        assert await list_findings(context, OF_WEB, FindingFilter(certificate=first, state=DUE)) == []
        clock.offset += timedelta(days=40)
        await check_health(context)
        await count_scores(context)
        web = await trend_of(context, OF_WEB, "team:web")
        assert (web.percent, web.change, len(web.days)) == (0, None, 1), "the day before is too long ago"
        web = next(
            one for one in (await list_scores(context, OF_WEB, days=50)).trends if one.row.scope == "team:web"
        )
        assert trend_document(web)["change"] == -50
        assert [percent for _, percent in web.days] == [50, 0]
        while await purge_seen(context, timedelta(days=20)):
            pass
        web = (await list_scores(context, OF_WEB, days=50)).trends[0]
        assert [percent for _, percent in web.days] == [0]

    with_installation(database, body)


def test_only_scores_of_teams_that_one_may_view(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await served(context, "web", 1)
        await served(context, "mail", 1)
        await count_scores(context)
        assert [one.row.scope for one in (await list_scores(context, OF_WEB)).trends] == ["team:web"]
        assert (await list_scores(context, OF_TAG)).trends == ()
        assert (await list_scores(context, Actor("user:x"))).trends == ()
        every = [one.row.scope for one in (await list_scores(context, ADMINISTRATOR)).trends]
        assert every[0] == "*"
        assert set(every) == {"*", "team:", "team:web", "team:mail"}

    with_installation(database, body)
