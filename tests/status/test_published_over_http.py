"""Lists, certificates and OCSP answers over HTTP: what is given out, until when, and how it is cached."""

import asyncio
import base64
import subprocess
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseStatus

from certwright.core.errors import Unavailable
from certwright.core.revocation import Reason
from certwright.operations import serve_status
from certwright.operations.context import Context
from certwright.operations.publish_crl import ListTimes, publish_crl
from certwright.operations.revoke import revoke_certificate
from certwright.operations.serve_status import PublishedLists
from certwright.protocols.crl.http import KEEP_AT_MOST, PublicationApplication
from certwright.store.databases import Database as Store
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock
from tests.status.asking import Told, ask, issued, question
from tests.status.responding import founded, responding

SECOND = timedelta(seconds=1)


def published(context: Context, store: Store | None = None) -> PublicationApplication:
    lists = PublishedLists(store or context.database)
    return PublicationApplication(context.snapshots, lists, context.clock)


async def publish(context: Context, scheduled: bool = True, shard: int = 0) -> int:
    generation = context.snapshot.issuing("issuing")
    return (await publish_crl(context, generation, shard, scheduled, ListTimes())).number


def number_of(told: Told) -> int:
    return (
        x509.load_der_x509_crl(told.body).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    )


def max_age(told: Told) -> int:
    first = told.headers["cache-control"].split(",")[0]
    return int(first.removeprefix("max-age="))


def test_lists_are_given_out_until_their_next_update(database: Database) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with founded(database.url, clock, crl_shards=2) as context:
            application, path = published(context), context.snapshot.issuing("issuing").path
            assert (await ask(application, "GET", f"/crl/{path}/1.crl")).status == 404
            await publish(context, shard=1)
            clock.offset += 2 * SECOND
            told = await ask(application, "GET", f"/crl/{path}/1.crl")
            crl = x509.load_der_x509_crl(told.body)
            assert told.headers["content-type"] == "application/pkix-crl"
            assert max_age(told) == KEEP_AT_MOST.total_seconds()
            assert parsedate_to_datetime(told.headers["last-modified"]) == crl.last_update_utc
            assert (await ask(application, "GET", f"/crl/{path}/0.crl")).status == 404
            assert (await ask(application, "GET", f"/crl/{path}/1-delta.crl")).status == 404
            assert crl.next_update_utc is not None
            clock.offset += crl.next_update_utc - clock() - 30 * SECOND
            last = await ask(application, "GET", f"/crl/{path}/1.crl")
            assert 0 < max_age(last) <= 30
            assert parsedate_to_datetime(last.headers["expires"]) <= crl.next_update_utc
            clock.offset += 30 * SECOND
            late = await ask(application, "GET", f"/crl/{path}/1.crl")
            assert late.status == 503
            assert int(late.headers["retry-after"]) > 0
            assert late.headers["cache-control"] == "no-store"

    asyncio.run(main())


def test_a_newer_list_is_seen_within_a_second_and_the_same_is_not_sent_again(database: Database) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with founded(database.url, clock) as context:
            application = published(context)
            path = f"/crl/{context.snapshot.issuing('issuing').path}/0.crl"
            first = await publish(context)
            told = await ask(application, "GET", path)
            assert number_of(told) == first
            again = await ask(application, "GET", path, if_none_match=f'"other", W/{told.headers["etag"]}')
            assert (again.status, again.body) == (304, b"")
            assert again.headers["etag"] == told.headers["etag"]
            assert "content-length" not in again.headers
            second = await publish(context)
            clock.offset += SECOND
            newer = await ask(application, "GET", path, if_none_match=told.headers["etag"])
            assert newer.status == 200
            assert number_of(newer) == second
            assert number_of(await ask(application, "GET", path.replace("0.crl", "0-delta.crl"))) == second
            assert (await ask(application, "HEAD", path)).headers == newer.headers
            assert (await ask(application, "POST", path)).status == 405

    asyncio.run(main())


class Outage:
    """A store that can be made unreachable."""

    def __init__(self, real: Store) -> None:
        self.real, self.out = real, False

    async def select(self, *arguments: object) -> object:
        if self.out:
            raise Unavailable("the database cannot be reached")
        return await self.real.select(*arguments)  # type: ignore[arg-type]


def test_what_was_read_is_given_out_while_the_store_is_away(database: Database) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with founded(database.url, clock) as context:
            store = Outage(context.database)
            application = published(context, store)  # type: ignore[arg-type]
            path = f"/crl/{context.snapshot.issuing('issuing').path}/0.crl"
            number = await publish(context)
            store.out = True
            assert (await ask(application, "GET", path)).status == 503
            store.out = False
            assert number_of(await ask(application, "GET", path)) == number
            store.out = True
            clock.offset += timedelta(days=6)
            assert number_of(await ask(application, "GET", path)) == number
            clock.offset += timedelta(days=1)
            assert (await ask(application, "GET", path)).status == 503
            store.out = False
            number = await publish(context)
            clock.offset += SECOND
            assert number_of(await ask(application, "GET", path)) == number

    asyncio.run(main())


def test_lists_in_memory_are_bounded_by_octets(database: Database, monkeypatch: object) -> None:
    monkeypatch.setattr(serve_status, "OCTETS_MAX", 1500)  # type: ignore[attr-defined]

    async def main() -> None:
        async with founded(database.url, MovableClock(), crl_shards=8) as context:
            lists = PublishedLists(context.database)
            application = PublicationApplication(context.snapshots, lists, context.clock)
            numbers = [await publish(context, shard=shard) for shard in range(8)]
            path = f"/crl/{context.snapshot.issuing('issuing').path}"
            for _ in range(2):
                for shard, number in enumerate(numbers):
                    assert number_of(await ask(application, "GET", f"{path}/{shard}.crl")) == number
                    held = sum(len(kept.found.der) for kept in lists._kept.values())
                    assert held == lists._octets <= 1500

    asyncio.run(main())


def test_many_who_ask_for_a_list_at_once_get_it(database: Database) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with founded(database.url, clock) as context:
            application = published(context)
            path = f"/crl/{context.snapshot.issuing('issuing').path}/0.crl"
            number = 0
            for _ in range(3):
                before, number = number, await publish(context)
                clock.offset += 2 * SECOND
                told = await asyncio.gather(*(ask(application, "GET", path) for _ in range(40)))
                assert {number_of(one) for one in told} <= {number, before}
                assert number_of(await ask(application, "GET", path)) == number

    asyncio.run(main())


def test_authority_certificates(database: Database) -> None:
    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            application, generation = published(context), context.snapshot.issuing("issuing")
            told = await ask(application, "GET", f"/ca/{generation.path}.cer")
            assert told.body == generation.der
            assert told.headers["content-type"] == "application/pkix-cert"
            same = await ask(
                application, "GET", f"/ca/{generation.path}.cer", if_none_match=told.headers["etag"]
            )
            assert same.status == 304
            for path in (
                "/ca/issuing/2.cer",
                "/ca/issuing/2.p7c",
                "/ca/nobody/1.cer",
                "/ca/",
                "/crl/issuing/1/99.crl",
                "/crl/x",
            ):
                missing = await ask(application, "GET", path)
                assert missing.status == 404
                assert missing.headers["cache-control"] == "no-store"

    asyncio.run(main())


def test_ocsp_by_get_is_cached_by_post_it_is_not(database: Database, tmp_path: Path) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with founded(database.url, clock) as context:
            here = await responding(context, tmp_path)
            row = await issued(context)
            path = f"/ocsp/{here.generation.path}"
            request = question(here.issuer, row.serial)
            encoded = quote(base64.b64encode(request).decode(), safe="")
            told = await ask(here.application, "GET", f"{path}/{encoded}")
            assert told.ocsp.certificate_status is OCSPCertStatus.GOOD
            assert told.headers["content-type"] == "application/ocsp-response"
            assert max_age(told) == KEEP_AT_MOST.total_seconds()
            assert parsedate_to_datetime(told.headers["last-modified"]) == told.ocsp.this_update_utc
            same = await ask(here.application, "GET", f"{path}/{encoded}", if_none_match=told.headers["etag"])
            assert (same.status, same.body) == (304, b"")
            posted = await ask(here.application, "POST", path, request)
            assert posted.headers["cache-control"] == "no-store"
            fresh = quote(base64.b64encode(question(here.issuer, row.serial, b"0123456789abcdef")).decode())
            told_once = await ask(here.application, "GET", f"{path}/{fresh}")
            assert told_once.ocsp.certificate_status is OCSPCertStatus.GOOD
            assert told_once.headers["cache-control"] == "no-store"
            await revoke_certificate(
                context, ADMINISTRATOR, row.fingerprint.hex(), Reason.SUPERSEDED, context.clock()
            )
            await here.feed.poll()
            changed = await ask(
                here.application, "GET", f"{path}/{encoded}", if_none_match=told.headers["etag"]
            )
            assert changed.ocsp.certificate_status is OCSPCertStatus.REVOKED

    asyncio.run(main())


def test_what_is_no_ocsp_request_is_malformed(database: Database, tmp_path: Path) -> None:
    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            here = await responding(context, tmp_path)
            path = f"/ocsp/{here.generation.path}"
            for method, target, body in (
                ("POST", path, b""),
                ("POST", path, b"0" * 9000),
                ("GET", path, b""),
                ("GET", f"{path}/", b""),
                ("GET", f"{path}/!!!!", b""),
                ("GET", f"{path}/" + "A" * 40_000, b""),
            ):
                told = await ask(here.application, method, target, body)
                assert told.status == 200
                assert told.ocsp.response_status is OCSPResponseStatus.MALFORMED_REQUEST
                assert told.headers["cache-control"] == "no-store"
            assert (await ask(here.application, "PUT", path)).status == 405

    asyncio.run(main())


def printed_by_openssl(content: bytes) -> bytes:
    command = ["openssl", "pkcs7", "-inform", "der", "-print_certs"]
    return subprocess.run(command, input=content, stdout=subprocess.PIPE, check=True).stdout


def test_chains_are_given_out_as_others_read_them(database: Database) -> None:
    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            application = published(context)
            for name, most in (("issuing", 2), ("root", 1)):
                generation = context.snapshot.issuing(name)
                told = await ask(application, "GET", f"/ca/{generation.path}.p7c")
                assert told.headers["content-type"] == "application/pkcs7-mime; smime-type=certs-only"
                printed = printed_by_openssl(told.body)
                found = [one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(printed)]
                assert sorted(found) == sorted((generation.der, *generation.chain))
                assert len(found) == most
                again = {one.public_bytes(Encoding.DER) for one in load_der_pkcs7_certificates(told.body)}
                assert again == set(found)
                tag = told.headers["etag"]
                same = await ask(application, "GET", f"/ca/{generation.path}.p7c", if_none_match=tag)
                assert (same.status, same.body) == (304, b"")

    asyncio.run(main())
