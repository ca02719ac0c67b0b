"""Make an authority's certificate up to its signature: what would be refused then is refused before there is
anything on record.
"""

from datetime import datetime

from ..core.issuer import Issuer
from ..core.keys import PublicKey
from ..core.plan import SERIAL_OCTETS, CertificatePlan, make_plan, make_serial
from ..core.policy import evaluate
from ..core.profile import Profile
from ..core.request import CertificateRequest
from ..core.seal import AUTHORITY_KINDS, Seal
from ..core.template import fast_tbs
from .check_key import check_approved
from .context import Context


def rehearse(
    context: Context,
    request: CertificateRequest,
    profile: Profile,
    issuer: Issuer,
    issuer_key: PublicKey,
    now: datetime,
) -> CertificatePlan:
    """Decide, plan, lint and seal as `issue.certify` does. Raises Refused."""
    approved = evaluate(request, profile, issuer, now)
    check_approved(context, approved)
    plan = make_plan(approved, make_serial(context.random(SERIAL_OCTETS)))
    Seal(issuer.name, issuer_key, AUTHORITY_KINDS).seal_certificate(plan, fast_tbs(plan))
    return plan
