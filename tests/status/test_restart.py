"""A serving process that starts between a production run and the next one knows what changed in between."""

import asyncio
from pathlib import Path

from cryptography.x509.ocsp import OCSPCertStatus

from certwright.core.keys import KeyAlgorithm
from certwright.core.revocation import Reason
from certwright.operations.produce_ocsp import produce_ocsp
from certwright.operations.revoke import revoke_certificate
from certwright.protocols.asgi import AsgiApplication
from certwright.site.application import build
from certwright.site.configuration import Configuration
from certwright.site.dispatch import Application
from certwright.site.installation import initialize
from certwright.site.wiring import open_context
from tests.real.pki import ADMINISTRATOR
from tests.real.processes import free_port
from tests.status.asking import ask, issued, question


def handler(application: Application, prefix: str) -> AsgiApplication:
    return next(one.application for one in application.handlers if one.prefix == prefix)


async def ready(application: Application) -> None:
    """Run what a process does when it begins to serve."""
    for hook in application.on_startup:
        await hook(None)  # type: ignore[arg-type]
    await asyncio.sleep(0.5)


def test_what_changed_since_the_answers_were_produced_is_known_after_a_restart(tmp_path: Path) -> None:
    ports = {name: f"127.0.0.1:{free_port()}" for name in ("https", "http", "mtls")}
    configuration = Configuration.load(tmp_path / "home", ports)

    async def main() -> None:
        await initialize(configuration, "Test", KeyAlgorithm.ECDSA_P256, lambda text: None)
        async with open_context(configuration, "test") as context:
            generation = context.snapshot.issuing("issuing")
            certificate = await issued(context, "host.localhost")
            assert await produce_ocsp(context, generation, configuration.home / "ocsp") > 0
            await revoke_certificate(
                context, ADMINISTRATOR, certificate.fingerprint.hex(), Reason.SUPERSEDED, context.clock()
            )
        application = await build(configuration)
        await ready(application)
        issuer = generation.certificate
        assert issuer is not None
        path = f"/ocsp/{generation.path}"
        told = await ask(handler(application, "/ocsp/"), "POST", path, question(issuer, certificate.serial))
        for hook in application.on_shutdown:
            await hook()
        assert told.ocsp.certificate_status is OCSPCertStatus.REVOKED

    asyncio.run(main())
