"""New authorities: found one here, sign the request of one elsewhere, or have one signed elsewhere."""

from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from ...core.access import Actor, Subject, Verb
from ...core.errors import Malformed
from ...core.pem import pem
from ...core.request import parse_csr
from ...core.unreadable import UNREADABLE
from ...operations.accept_certificate import Accepted, accept_certificate, authority_csr
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.found_authority import found_authority, sign_subordinate
from ...operations.publish_status import put_in_service
from ...operations.shown import require_anywhere, require_page
from ...operations.view_configuration import view_authority
from ...store.snapshot import Generation
from ..acting import actor_of, run
from ..acts import submit
from ..downloads import attachment
from ..login.fresh import recently_authenticated
from .forms import AcceptForm, FoundForm, SignForm

CHAIN_MAX = 10


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def found(request: HttpRequest) -> HttpResponse:
    """Found an authority and publish its first status data; without a signer, it awaits a certificate."""
    actor = actor_of(request)
    require_anywhere(actor, Verb.MANAGE_AUTHORITIES)
    form = FoundForm(request.POST or None, actor, request.GET.get("parent", ""))
    status = 200
    if request.method == "POST":
        status = submit(request, form, lambda context, actor: _found(context, actor, form))
    if status:
        return render(request, "authorities/found.html", {"form": form}, status=status)
    messages.success(request, _("The authority is founded."))
    return redirect("authority", name=form.cleaned_data["name"])


async def _found(context: Context, actor: Actor, form: FoundForm) -> None:
    await _in_service(context, actor, await found_authority(context, actor, form.order()))


async def _in_service(context: Context, actor: Actor, generation: Generation) -> None:
    if generation.certificate is not None:
        await put_in_service(context, actor, generation)


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def sign(request: HttpRequest, name: str) -> HttpResponse:
    """Certify an authority elsewhere, whose key we do not have, from its request."""
    _require_managed(request, name)
    form, made = SignForm(request.POST or None), list[bytes]()

    async def act(context: Context, actor: Actor) -> None:
        wanted, lasting = parse_csr(form.cleaned_data["csr"].encode("ascii", "replace")), form.lasting()
        if lasting:
            wanted = replace(wanted, not_after=context.clock() + lasting)
        _row, der = await sign_subordinate(context, actor, name, wanted, form.cleaned_data["profile"])
        made.append(der)

    status = submit(request, form, act) if request.method == "POST" else 200
    facts = {"authority": name, "form": form}
    if made:
        chain = (made[0], *bridge().context.snapshot.issuing(name).served_chain)
        facts["signed"] = b"".join(map(pem, chain)).decode()
    return render(request, "authorities/sign.html", facts, status=status or 201)


@require_POST
def request_file(request: HttpRequest, name: str) -> HttpResponse:
    """The request of an authority that an outside one shall sign; made when first it is asked for."""
    csr = run(request, lambda context, actor: authority_csr(context, actor, name))
    return attachment(pem(csr, "CERTIFICATE REQUEST"), "application/pkcs10", f"{name}.csr")


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, name: str) -> HttpResponse:
    """Take the certificate that an outside authority has signed, and put the authority in service."""
    _require_managed(request, name)
    form = AcceptForm(request.POST or None)

    async def act(context: Context, actor: Actor) -> None:
        given = form.cleaned_data
        certificates = _certificates(given["certificate"], "certificate")
        if len(certificates) != 1:
            raise Malformed("the first field takes one certificate; its issuers go into the second")
        accepted = Accepted(certificates[0], _certificates(given["chain"], "chain"))
        await _in_service(context, actor, await accept_certificate(context, actor, name, accepted))

    status = submit(request, form, act) if request.method == "POST" else 200
    if status:
        return render(request, "authorities/accept.html", {"authority": name, "form": form}, status=status)
    messages.success(request, _("The authority has its certificate, and issues."))
    return redirect("authority", name=name)


def _certificates(text: str, field: str) -> tuple[bytes, ...]:
    """DER of the certificates in PEM, in their order. Raises Malformed."""
    try:
        found = x509.load_pem_x509_certificates(text.encode("ascii"))
    except UNREADABLE as error:
        raise Malformed(f"the {field} cannot be read as certificates in PEM") from error
    if len(found) > CHAIN_MAX:
        raise Malformed(f"the {field} has {len(found)} certificates; {CHAIN_MAX} are the most")
    return tuple(one.public_bytes(Encoding.DER) for one in found)


def _require_managed(request: HttpRequest, name: str) -> None:
    """Raises NotFound, Forbidden."""
    view_authority(bridge().context.snapshot, actor_of(request), name)
    require_page(actor_of(request), Verb.MANAGE_AUTHORITIES, Subject(authority=name))
