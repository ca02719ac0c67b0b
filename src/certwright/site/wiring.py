"""From the configuration to a Context: the one place that knows which plugin stands behind which name."""

import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from ..core.acme_settings import AcmeSettings
from ..core.envelope import (
    Derivation,
    kek_from_passphrase,
    kek_from_recovery_passphrase,
    parse_derivation,
    parse_key_encryption_key,
)
from ..core.errors import CertwrightError, Malformed, NotFound
from ..core.vetting import Ages
from ..operations.context import Context
from ..operations.keyring import Keyring
from ..operations.registry import plugin
from ..operations.validate import Perspectives, Validations
from ..operations.vetting_settings import VettingSettings
from ..plugins.scanner import Scanner
from ..plugins.validators.common import ValidatorSettings
from ..ports import KEY_PROVIDERS, VALIDATORS, KeyProvider, Validator
from ..store.databases import open_database
from ..store.ledger import Ledger
from ..store.snapshot import Snapshots
from .configuration import Configuration
from .discovery import source_opener, trusted_anchors
from .key_lists import read_key_lists
from .outside import answer_fetcher, caa_finder, egress_policy, list_fetcher, resolver_settings
from .secret_files import read_secret_file

PASSPHRASE_PARAMETERS = "key-encryption-parameters"  # noqa: S105 - a file's name
RECOVERY_PARAMETERS = "recovery-parameters"


def now() -> datetime:
    return datetime.now(UTC)


KEPT_KEY = "only the key that the installation was founded with opens its secrets: restore it from the backup"
NEW_KEY = "`openssl rand -base64 32` makes one"


def key_encryption_key(configuration: Configuration, remedy: str = KEPT_KEY) -> bytes:
    """From the setting, the passphrase, or the file, whichever is there. Raises Malformed, NotFound, with
    `remedy` for what to do: a new key would open nothing that there is, so none is advised but to found."""
    if configuration.key_encryption_key is not None:
        setting = configuration.key_encryption_key.get_secret_value()
        return _read_key("the setting key_encryption_key", setting, remedy)
    if configuration.key_encryption_passphrase is not None:
        parameters = read_secret_file(
            configuration.home / PASSPHRASE_PARAMETERS, "the parameters of the key-encryption passphrase"
        )
        passphrase = configuration.key_encryption_passphrase.get_secret_value()
        return kek_from_passphrase(passphrase, parse_derivation(parameters))
    path = configuration.key_encryption_key_file
    try:
        text = read_secret_file(path, "the key-encryption key")
    except CertwrightError as error:
        raise type(error)(f"{error.detail}; {remedy}") from error
    return _read_key(str(path), text, remedy)


def _read_key(place: str, text: str, remedy: str) -> bytes:
    try:
        return parse_key_encryption_key(text)
    except Malformed as error:
        raise Malformed(f"{place}: {error.detail}; {remedy}") from error


def key_providers(configuration: Configuration, key: bytes) -> dict[str, KeyProvider]:
    """`software`, and one for each PKCS#11 table, by its name."""
    software = plugin(KEY_PROVIDERS, "software")
    providers: dict[str, KeyProvider] = {"software": software(software.Settings(key))}
    for module in configuration.pkcs11:
        pkcs11 = plugin(KEY_PROVIDERS, "pkcs11")
        settings = pkcs11.Settings(
            str(module.module),
            module.token,
            module.read_pin(),
            module.sessions,
            module.timeout_seconds,
            module.environment,
        )
        providers[module.name] = pkcs11(settings)
    return providers


def recovery_provider(home: Path, passphrase: str) -> KeyProvider:
    """Opens the keys that lie under the recovery passphrase. Raises Malformed naming a typing error."""
    software = plugin(KEY_PROVIDERS, "software")
    parameters = read_secret_file(home / RECOVERY_PARAMETERS, "the parameters of the recovery passphrase")
    provider: KeyProvider = software(
        software.Settings(kek_from_recovery_passphrase(passphrase, parse_derivation(parameters)))
    )
    return provider


def new_derivation() -> Derivation:
    return Derivation(secrets.token_bytes(16))


@asynccontextmanager
async def open_context(
    configuration: Configuration, name: str, clock: Callable[[], datetime] = now
) -> AsyncIterator[Context]:
    """A Context for the running event loop, closed after the block. Raises Unavailable, NotFound, Malformed.

    `name` says in the audit which process writes.
    """
    key = key_encryption_key(configuration)
    database = await open_database(configuration.database_url)
    try:
        snapshots = await Snapshots.open(database, time.monotonic)
        ledger = await Ledger.open(database, f"{name}/{os.uname().nodename}/{os.getpid()}", clock)
        try:
            keyring = Keyring(key_providers(configuration, key), key)
            lists = cache(partial(read_key_lists, configuration))
            yield Context(
                *(database, ledger, snapshots, keyring, clock, secrets.token_bytes),
                key_lists=lists,
                find_caa=caa_finder(configuration),
                open_source=source_opener(configuration),
                anchors=cache(partial(trusted_anchors, configuration)),
                fetch_list=list_fetcher(configuration),
                fetch_answer=answer_fetcher(configuration),
                services=configuration.service_urls,
                vetting=vetting_settings(configuration),
            )
        finally:
            await ledger.close()
    finally:
        await database.close()


def vetting_settings(configuration: Configuration) -> VettingSettings:
    settings = configuration.vetting
    command = settings.scan_command
    return VettingSettings(
        Ages(settings.identity_days, settings.domain_days, settings.mailbox_days),
        configuration.limits.evidence_octets,
        Scanner(command, settings.scan_seconds) if command else None,
        bool(configuration.mail.host),
    )


def validations(
    configuration: Configuration, context: Context, report: Callable[[Exception], None]
) -> Validations:
    """The validators of this process and the perspective it speaks from."""
    zone = configuration.validation.zone
    resolver = resolver_settings(configuration)
    settings = ValidatorSettings(egress_policy(configuration), resolver, perspective=zone)
    validators: Mapping[str, Validator] = {
        kind: plugin(VALIDATORS, kind)(settings) for kind in AcmeSettings().challenges
    }
    perspectives = Perspectives(
        zone,
        configuration.validation.primary_zone or zone,
        tuple(configuration.validation.other_zones),
        configuration.validation.quorum,
    )
    return Validations(context, validators, perspectives, context.find_caa, context.services, report)


def require_initialized(configuration: Configuration) -> None:
    """Raises NotFound with what to do when the home holds no installation."""
    if not (configuration.home / RECOVERY_PARAMETERS).exists():
        raise NotFound(f"{configuration.home} holds no installation yet; run `certwright init`")
