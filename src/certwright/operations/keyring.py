"""Open keys, each behind its seal. The only place that opens a key of a provider.

Keys are opened when first used, in the process that uses them, never before a fork. A key that is not
local to the process signs in its provider's own executor, so that the event loop goes on, and with it all
other providers when one of them hangs.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from cryptography import x509

from ..core import cms, crl, der, keys, ocsp
from ..core.distinguished_name import DistinguishedName, parse_name
from ..core.envelope import decrypt, encrypt
from ..core.errors import Conflict, IntegrityError, NotFound
from ..core.issuer import issuer_of
from ..core.keys import SIGNATURES, KeyAlgorithm, PublicKey
from ..core.plan import CertificatePlan
from ..core.seal import (
    AUTHORITY_KINDS,
    DOCUMENT_SIGNER_KINDS,
    OCSP_SIGNER_KINDS,
    Kind,
    Seal,
    Sealed,
    SealedKey,
)
from ..core.template import assemble
from ..ports import KeyProvider, KeyReference, KeySpec, SideBySide
from ..store.rows import AuthorityGenerationRow, OcspSignerRow

RECOVERY = "recovery"
Result = TypeVar("Result")
SIGNATURES_AT_ONCE = 8
"""Of one provider that is not local and does not say how many it makes side by side."""


@dataclass(frozen=True, slots=True)
class Signer:
    """An open key with its seal; `local` says that signing does not leave the process. `provider` is the
    name that rows give."""

    seal: Seal
    key: SealedKey
    public_key: PublicKey
    local: bool
    provider: str


@dataclass(frozen=True, slots=True)
class DocumentKey:
    """A key that signs documents, as it is found again, and its certificate (DER)."""

    key_provider: str
    key_algorithm: str
    key_reference: bytes
    certificate: bytes


class Keyring:
    """One per process. `providers` by the name that rows give; `key_encryption_key` opens small secrets."""

    def __init__(self, providers: Mapping[str, KeyProvider], key_encryption_key: bytes) -> None:
        self._providers = dict(providers)
        self._key_encryption_key = key_encryption_key
        self._signers: dict[tuple[str, int, int], Signer] = {}
        self._executors: dict[str, ThreadPoolExecutor] = {}

    def unlock(self, provider: KeyProvider) -> None:
        """Make keys under the recovery passphrase usable, until `lock`."""
        self._providers[RECOVERY] = provider

    @property
    def unlocked(self) -> bool:
        """Can keys under the recovery passphrase be used now?"""
        return RECOVERY in self._providers

    @property
    def provider_names(self) -> list[str]:
        """Those that can make keys now."""
        return sorted(self._providers)

    def lock(self) -> None:
        self._providers.pop(RECOVERY, None)
        self._signers.clear()

    def provider(self, name: str) -> KeyProvider:
        """Raises Conflict for the recovery passphrase when it was not given, NotFound."""
        if name in self._providers:
            return self._providers[name]
        if name == RECOVERY:
            raise Conflict(
                "the key is under the recovery passphrase; give that with --recovery-passphrase-file"
            )
        known = ", ".join(sorted(self._providers))
        raise NotFound(f"no key provider {name!r} is configured; configured are {known}")

    def local(self, name: str) -> bool:
        return self.provider(name).local

    def decrypt(self, envelope: bytes, context: str) -> bytes:
        """Open a small secret (a nonce key, a MAC key). Raises Conflict, IntegrityError."""
        return decrypt(self._key_encryption_key, envelope, context)

    def encrypt(self, secret: bytes, context: str, random: bytes) -> bytes:
        """Close a small secret for keeping; `random` is 44 fresh octets (`core.envelope.encrypt`)."""
        return encrypt(self._key_encryption_key, secret, context, random)

    async def create(self, provider: str, spec: KeySpec) -> tuple[KeyReference, PublicKey]:
        """Make a key; how to find it again, and its public half. Raises what the provider raises."""
        keys_of = self.provider(provider)

        def make() -> tuple[KeyReference, PublicKey]:
            reference = keys_of.create(spec)
            return reference, keys_of.open(reference).public_key()

        return make() if keys_of.local else await self._apart(provider, make)

    async def destroy(self, provider: str, reference: KeyReference) -> None:
        """Remove a key for good; what is gone is no error. Raises what the provider raises."""
        keys_of = self.provider(provider)
        if keys_of.local:
            keys_of.destroy(reference)
        else:
            await self._apart(provider, lambda: keys_of.destroy(reference))

    # -- signers ---------------------------------------------------------------------------------

    def authority(self, row: AuthorityGenerationRow) -> Signer:
        """The signer of an authority's generation. Raises what the provider raises."""
        key = ("authority", row.id, row.version)
        if key not in self._signers:
            name = issuer_of(row.certificate).name if row.certificate else parse_name(row.subject).encode()
            expected = {row.spki_sha256} | ({_certified(row.certificate)} if row.certificate else set())
            self._signers.setdefault(key, self._open(row, name, AUTHORITY_KINDS, expected))
        return self._signers[key]

    def ocsp_signer(self, row: OcspSignerRow) -> Signer:
        key = ("ocsp", row.id, 0)
        if key not in self._signers:
            subject = x509.load_der_x509_certificate(row.certificate).subject.public_bytes()
            opened = self._open(row, subject, OCSP_SIGNER_KINDS, {_certified(row.certificate)})
            self._signers.setdefault(key, opened)
        return self._signers[key]

    async def ready(self, row: AuthorityGenerationRow | OcspSignerRow) -> None:
        """Open a key that is not local outside the event loop, which its module might hold up. Raises what
        the provider raises."""
        if self.local(row.key_provider):
            return
        if isinstance(row, OcspSignerRow):
            await self._apart(row.key_provider, lambda: self.ocsp_signer(row))
        else:
            await self._apart(row.key_provider, lambda: self.authority(row))

    def _open(
        self,
        row: AuthorityGenerationRow | OcspSignerRow | DocumentKey,
        name: bytes,
        kinds: frozenset[Kind],
        expected: set[bytes],
    ) -> Signer:
        """`expected` are SHA-256 of the public key that this must be the key of, from each place that says
        it: a provider cannot know that a reference was moved to another row."""
        provider = self.provider(row.key_provider)
        private_key = provider.open(KeyReference(KeyAlgorithm(row.key_algorithm), row.key_reference))
        public_key = private_key.public_key()
        if expected != {hashlib.sha256(keys.spki(public_key)).digest()}:
            raise IntegrityError(
                f"the key of provider {row.key_provider} is not the one its certificate is for: its row was "
                "changed; restore it from a backup"
            )
        seal = Seal(name, public_key, kinds)
        sealed_key = SealedKey(private_key, seal)
        return Signer(seal, sealed_key, public_key, provider.local, row.key_provider)

    async def public_key(self, row: AuthorityGenerationRow) -> PublicKey:
        await self.ready(row)
        return self.authority(row).public_key

    def ocsp_responder(self, row: OcspSignerRow) -> ocsp.Responder:
        """How this signer names itself in answers."""
        public_key = self.ocsp_signer(row).public_key
        identifier = SIGNATURES[KeyAlgorithm(row.key_algorithm)].identifier
        return ocsp.responder(keys.spki(public_key), identifier, (row.certificate,))

    # -- signing ---------------------------------------------------------------------------------

    async def sign(self, signer: Signer, sealed: Sealed) -> bytes:
        """The signature over what was sealed. Raises Unavailable, IntegrityError."""
        if signer.local:
            return signer.key.sign(sealed.tbs)
        return await self._apart(signer.provider, lambda: signer.key.sign(sealed.tbs))

    async def _apart(self, name: str, act: Callable[[], Result]) -> Result:
        """In one of the threads that wait for this provider, so that the event loop goes on."""
        if name not in self._executors:
            provider = self.provider(name)
            width = provider.signatures_at_once if isinstance(provider, SideBySide) else SIGNATURES_AT_ONCE
            self._executors[name] = ThreadPoolExecutor(width, f"keys-{name}")
        return await asyncio.get_running_loop().run_in_executor(self._executors[name], act)

    def seal_certificate(self, row: AuthorityGenerationRow, plan: CertificatePlan, tbs: bytes) -> Sealed:
        """Check, lint and admit. Raises Refused, IntegrityError."""
        return self.authority(row).seal.seal_certificate(plan, tbs)

    async def certificate(self, row: AuthorityGenerationRow, sealed: Sealed) -> bytes:
        """DER of the certificate, signed."""
        signer = self.authority(row)
        return assemble(sealed.tbs, signer.key.algorithm, await self.sign(signer, sealed))

    async def crl(
        self,
        row: AuthorityGenerationRow,
        header: crl.CrlHeader,
        entries: crl.Buffer,
        expected: crl.Expected,
    ) -> bytes:
        """DER of a list, checked and signed. Raises IntegrityError when it is not what was expected."""
        await self.ready(row)
        signer = self.authority(row)
        tbs = b"".join(crl.tbs_parts(header, entries))
        crl.check_crl(tbs, header, expected.count, expected.listed, expected.absent)
        signature = await self.sign(signer, signer.seal.admit(Kind.CRL, tbs))
        return b"".join(crl.assemble((tbs,), header.signature_algorithm_identifier, signature))

    async def ocsp(
        self,
        signer: Signer,
        responder: ocsp.Responder,
        times: ocsp.Times,
        singles: tuple[ocsp.SingleResponse, ...],
        nonce: bytes = b"",
        template: ocsp.Template | None = None,
    ) -> bytes:
        """DER of an OCSPResponse, checked and signed. `template`: for a single one that it fits; of those a
        sample is checked."""
        if template is None:
            tbs, to_read_back = ocsp.tbs_response(responder, times, singles, nonce), True
        else:
            (single,) = singles
            tbs = template.tbs(single.cert_id.serial, single.status, nonce)
            to_read_back = template.to_read_back(single.status, nonce)
        if to_read_back:
            ocsp.check_response(tbs, responder, times, singles, nonce)
        signature = await self.sign(signer, signer.seal.admit(Kind.OCSP, tbs))
        return template.answer(tbs, signature) if template else ocsp.assemble(responder, tbs, signature)

    async def ocsp_signature(self, signer: Signer, tbs: bytes) -> bytes:
        """The signature over ResponseData from a template, which whoever has made it checks by sampling."""
        return await self.sign(signer, signer.seal.admit(Kind.OCSP, tbs))

    async def csr(
        self, row: AuthorityGenerationRow, subject: DistinguishedName, attributes: bytes = b""
    ) -> bytes:
        """DER of a CSR (RFC 2986) for an authority's key, with attributes in DER."""
        await self.ready(row)
        signer = self.authority(row)
        tbs = der.sequence(
            der.integer(0), subject.encode(), keys.spki(signer.public_key), der.tlv(0xA0, attributes)
        )
        signature = await self.sign(signer, signer.seal.admit(Kind.CSR, tbs))
        return assemble(tbs, signer.key.algorithm, signature)

    async def document_signature(
        self, key: DocumentKey, chain: Sequence[bytes], document: bytes, at: datetime
    ) -> bytes:
        """DER of the detached signature (`core.cms`) over a document. Raises Unavailable, IntegrityError."""
        algorithm = KeyAlgorithm(key.key_algorithm)
        subject = x509.load_der_x509_certificate(key.certificate).subject.public_bytes()
        signer = self._open(key, subject, DOCUMENT_SIGNER_KINDS, {_certified(key.certificate)})
        attributes = cms.signed_attributes(document, key.certificate, algorithm, at)
        signature = await self.sign(signer, signer.seal.admit(Kind.DOCUMENT, attributes))
        return cms.signed_data(key.certificate, chain, algorithm, attributes, signature)


def _certified(certificate: bytes) -> bytes:
    """SHA-256 of the public key that a certificate is for."""
    public_key: Any = x509.load_der_x509_certificate(certificate).public_key()
    return hashlib.sha256(keys.spki(public_key)).digest()
