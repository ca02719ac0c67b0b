"""What wishes of discovery speak of: what is to be looked at, and a finding of what was seen."""

from certwright.operations.context import Context
from certwright.operations.findings import FindingFilter, list_findings
from certwright.operations.note_findings import check_health
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from tests.real.certwright import ADMINISTRATOR, Home
from tests.real.toy_chains import BEGIN, ToyAuthority

LOOK = {"source": "network", "targets": ["127.0.0.1:9"]}


def seen_finding(home: Home) -> int:
    """The identifier of a finding of a certificate that nobody here has issued."""

    async def act(context: Context) -> int:
        leaf = ToyAuthority("Elsewhere").sign("x", None, "x.example.test")
        await take_sightings(context, Look(1), [Sighting(Place("tls", "192.0.2.1", 443), BEGIN, (leaf,))])
        await check_health(context)
        wanted = FindingFilter(code="certificate.untrusted")
        return (await list_findings(context, ADMINISTRATOR, wanted))[0].id

    return home.run(act)
