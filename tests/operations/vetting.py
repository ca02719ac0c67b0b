"""An organization that is vetted, step by step, by alice and bob."""

from certwright.core.access import Actor, Role
from certwright.core.vetting import FOR_ORGANIZATION, GATHERED, KINDS, CheckKind
from certwright.operations.context import Context
from certwright.operations.evidence import upload_evidence
from certwright.operations.organizations import save_organization
from certwright.operations.record_check import CheckOrder, record_check
from certwright.store.vetting_rows import OrganizationRow, VettingCheckRow
from tests.operations.approving import ALICE, BOB, person

PDF = b"%PDF-1.7\nan extract"
FIELDS = {
    "legal_name": "Example GmbH",
    "country": "DE",
    "register_number": "HRB 12345",
    "jurisdiction_country": "DE",
    "category": "Private Organization",
    "street": "Hauptweg 1",
    "postal_code": "10115",
    "locality": "Berlin",
    "phone": "+49 30 1234",
}
AUDITOR = person("ann", Role.AUDITOR)
assert ALICE.user != BOB.user


async def made(context: Context, team: str = "", **changed: str) -> OrganizationRow:
    return await save_organization(context, ALICE, {**FIELDS, **changed}, team)


async def checked(
    context: Context, organization: int, kind: CheckKind, who: Actor = ALICE, domain: str = "example.test"
) -> VettingCheckRow:
    """A check with the document that it takes."""
    documents: tuple[int, ...] = ()
    if KINDS[kind].documents:
        documents = ((await upload_evidence(context, who, organization, f"{kind}.pdf", PDF)).id,)
    where = domain if kind is CheckKind.DOMAIN else ""
    order = CheckOrder(kind, f"looked at it, {kind}", documents, domain=where)
    return await record_check(context, who, organization, order)


async def vetted(context: Context, extended: bool = False, **changed: str) -> OrganizationRow:
    row = await made(context, **changed)
    for kind in GATHERED if extended else FOR_ORGANIZATION:
        await checked(context, row.id, kind)
    if extended:
        await checked(context, row.id, CheckKind.DUE_DILIGENCE, BOB)
    return row
