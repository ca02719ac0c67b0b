"""What an ACME order stands on, looked at again once people have approved it, which may have taken weeks.

An authorization must be valid when the certificate is issued, and the domain's owner must permit it still:
CAA is looked up anew where that was eight hours ago or longer (RFC 8659, CA/Browser Forum 3.2.2.8).
"""

from ..core.acme_settings import acme_settings_from_document
from ..core.caa import CaaSet
from ..core.egress import Unreached
from ..core.errors import Reason, Refused, Unavailable
from ..core.orders import unauthorized_name
from ..store.enrolment import with_authorizations
from ..store.guarded_rows import Kept
from ..store.rows import AcmeOrderRow
from .check_caa import account_uris, require_caa
from .context import Context


async def still_authorized(context: Context, row: AcmeOrderRow, endpoint: str) -> list[Kept]:
    """The authorizations of a finalized order, as the issuance stands on them; `endpoint` is its path.

    Raises Refused when one of them has ended or CAA forbids it, NotFound without the endpoint, Unavailable
    when the look-up fails: records may hide behind that, so it is tried again, as long as all else holds.
    """
    protocol, _, name = endpoint.partition("/")
    settings = acme_settings_from_document(context.snapshot.endpoint(protocol, name).settings)
    order = await with_authorizations(context.database, row)
    held = [one.facts for one in order.authorizations]
    if lost := unauthorized_name(order.facts.identifiers, held, context.clock()):
        text = (
            f"the authorization for {lost} has ended while the order waited for approval; place a new order"
        )
        raise Refused((Reason("request.unauthorized", text, "RFC 8555 section 7.5"),))

    async def find(wanted: str) -> CaaSet:
        try:
            return await context.find_caa(wanted)
        except Unreached as error:
            raise Unavailable(f"CAA records of {wanted}: {error.detail}") from error

    uris = account_uris(context.services, name, row.account_id)
    await require_caa(find, settings, order.authorizations, uris, context.clock())
    return [one.row for one in order.authorizations]
