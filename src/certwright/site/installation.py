"""`certwright init`: from nothing to an installation that can be served.

Everything is made in a folder beside the home and moved into place at the end, so that a home is whole or not
there. The root's key goes under a recovery passphrase that is printed once and kept nowhere.
"""

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..core import envelope
from ..core.access import Actor, Grant, Role
from ..core.checkpoint import VerifierKey
from ..core.distinguished_name import parse_name
from ..core.errors import Conflict, Unavailable
from ..core.keys import KeyAlgorithm
from ..core.passwords import SALT_OCTETS, hash_password
from ..core.pem import pem
from ..operations.context import Context
from ..operations.found_authority import AuthorityOrder, found_authority
from ..operations.found_installation import (
    EndpointOrder,
    Founding,
    found_installation,
    save_endpoint,
)
from ..operations.grant_role import grant_role
from ..operations.issue_ocsp_signer import issue_ocsp_signer
from ..operations.keyring import RECOVERY
from ..operations.manage_users import NewUser, create_user
from ..operations.publish_crl import OFFLINE_TIMES, ListTimes, publish_crl
from ..operations.sequence_audit import sequence_audit
from ..store.databases import open_database
from ..store.ledger import Ledger
from .configuration import HOME_VARIABLE, Configuration, create_django_secret
from .listener_certificate import issue_listener_certificate
from .wiring import (
    NEW_KEY,
    PASSPHRASE_PARAMETERS,
    RECOVERY_PARAMETERS,
    key_encryption_key,
    new_derivation,
    now,
    open_context,
    recovery_provider,
)

ROOT, ISSUING, SERVICE = "root", "issuing", "service"
MIGRATE_SECONDS = 300
ROOT_FILE, SERVICE_FILE = "root.pem", "service.pem"
DEFAULT_ENDPOINT = "default"
ADMINISTRATOR = "administrator"
PASSWORD_OCTETS = 15
PASSWORD_HOURS = 24
KEPT_SECONDS = 60
ORDINARY = ("ecdsa", "rsa")
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Initialized:
    """What the person who ran `init` must know now. Passphrase and password are shown once.

    `service_certificate` is the root of our own listeners where that is another than the root.
    """

    home: Path
    recovery_passphrase: str = field(repr=False)
    root_fingerprint: str
    root_certificate: Path
    service_certificate: Path | None
    administrator: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Secrets:
    """Made at founding and shown once."""

    recovery_passphrase: str = field(repr=False)
    password: str = field(repr=False)


async def initialize(
    configuration: Configuration, organization: str, algorithm: KeyAlgorithm, progress: Progress
) -> Initialized:
    """Found the installation of this configuration. Raises Unavailable, Conflict when there is one."""
    home = configuration.home
    if home.exists() and any(home.iterdir()) and not _only_settings(home):
        raise Conflict(f"{home} is not empty; `certwright init` founds an installation in a new folder")
    building = home.with_name(f".{home.name}.{secrets.token_hex(4)}")
    try:
        building.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise Unavailable(
            f"the home {home} cannot be made: {error.strerror} in {home.parent}; give another with "
            f"`--home` or {HOME_VARIABLE}"
        ) from error
    try:
        made = await _build(configuration, building, organization, algorithm, progress)
        _settle(building, home)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return Initialized(
        home,
        made.recovery_passphrase,
        (home / "root.sha256").read_text().strip(),
        home / ROOT_FILE,
        service_certificate(home),
        ADMINISTRATOR,
        made.password,
    )


def service_certificate(home: Path) -> Path | None:
    """The file with the root of our own listeners, where that is another than the root."""
    path = home / SERVICE_FILE
    return path if path.exists() else None


def _only_settings(home: Path) -> bool:
    return {entry.name for entry in home.iterdir()} <= {"certwright.toml"}


def _settle(building: Path, home: Path) -> None:
    """Move what was built into place."""
    if home.exists():
        for entry in home.iterdir():
            shutil.move(entry, building / entry.name)
        home.rmdir()
    os.replace(building, home)


async def _build(
    configuration: Configuration, home: Path, organization: str, algorithm: KeyAlgorithm, progress: Progress
) -> _Secrets:
    """Everything, in a folder beside the home."""
    passphrase = envelope.recovery_passphrase(secrets.token_bytes(envelope.RECOVERY_BYTES))
    progress("making secrets")
    write_secret(home / RECOVERY_PARAMETERS, new_derivation().text())
    create_django_secret(home)
    _make_key_encryption_key(configuration, home)
    _make_checkpoint_key(configuration, home)
    moved = configuration.model_copy(update=_moved(configuration, home))
    progress("making tables")
    await asyncio.to_thread(migrate, moved)
    await _found(moved, organization)
    password = secrets.token_urlsafe(PASSWORD_OCTETS)
    async with open_context(moved, "init") as context:
        context.keyring.unlock(recovery_provider(home, passphrase))
        await _create_administrator(context, password)
        await grant_role(context, founder(), f"user:{ADMINISTRATOR}", Grant(Role.ADMINISTRATOR))
        await _found_authorities(context, organization, algorithm, progress)
        progress("issuing the listeners' certificate")
        await issue_listener_certificate(context, moved, now())
        await _place_audit(context, moved)
        root = context.snapshot.issuing(ROOT).der
        if SERVICE in context.snapshot.authorities:
            (home / SERVICE_FILE).write_bytes(pem(context.snapshot.issuing(SERVICE).der))
    (home / ROOT_FILE).write_bytes(pem(root))
    (home / "root.sha256").write_text(_fingerprint(root) + "\n")
    return _Secrets(passphrase, password)


async def _create_administrator(context: Context, password: str) -> None:
    """The first account; its password is printed once, and dies if nobody uses it."""
    kept = hash_password(password, secrets.token_bytes(SALT_OCTETS))
    expires = now() + timedelta(hours=PASSWORD_HOURS)
    new = NewUser(ADMINISTRATOR, "Administrator", password=kept, password_expires_at=expires)
    await create_user(context, founder(), new)


def _moved(configuration: Configuration, home: Path) -> dict[str, object]:
    """The settings that name the home, while it is being built elsewhere."""
    changed: dict[str, object] = {"home": home}
    database = configuration.database_url
    if database == f"sqlite:///{configuration.home / 'certwright.sqlite3'}":
        changed["database"] = type(configuration.database)(f"sqlite:///{home / 'certwright.sqlite3'}")
    if configuration.key_encryption_key_file == configuration.home / "key-encryption-key":
        changed["key_encryption_key_file"] = home / "key-encryption-key"
    return changed


def _make_key_encryption_key(configuration: Configuration, home: Path) -> None:
    """A random one in its file, unless the settings bring one from elsewhere. Raises Malformed, NotFound."""
    own_file = configuration.key_encryption_key_file == configuration.home / "key-encryption-key"
    if configuration.key_encryption_key is None and configuration.key_encryption_passphrase is not None:
        write_secret(home / PASSPHRASE_PARAMETERS, new_derivation().text())
    elif configuration.key_encryption_key is None and own_file:
        key = secrets.token_bytes(envelope.KEY_BYTES)
        write_secret(home / "key-encryption-key", envelope.key_encryption_key_text(key))
    else:
        key_encryption_key(configuration, NEW_KEY)


def _make_checkpoint_key(configuration: Configuration, home: Path) -> None:
    """The key that signs audit checkpoints: no authority's, and not in the database."""
    folder = home / "audit"
    folder.mkdir(mode=0o700)
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    write_secret(folder / "checkpoint-key.pem", text)
    verifier = VerifierKey.of(f"certwright/{secrets.token_hex(8)}", key.public_key())
    (folder / "checkpoint-key.pub").write_text(verifier.text() + "\n")


def write_secret(path: Path, text: str) -> None:
    """A new file that only we may read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text.rstrip("\n") + "\n")


def migrate(configuration: Configuration) -> None:
    """Make the tables, or bring them up to date, in a process of its own: Django is set up once per process.

    Raises Unavailable with the last line of what Django said.
    """
    if configuration.database_url.startswith("sqlite:///"):
        path = Path(configuration.database_url.removeprefix("sqlite:///"))
        path.touch(mode=0o600)
    done = subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--verbosity", "0", "--no-input", "--skip-checks"],
        env=django_environment(configuration),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=MIGRATE_SECONDS,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"the tables could not be made: {last}")


def django_environment(configuration: Configuration) -> dict[str, str]:
    """For a child process that sets Django up for this configuration."""
    return {
        **os.environ,
        **configuration.environment(),
        "CERTWRIGHT_DATABASE": configuration.database_url,
        "DJANGO_SETTINGS_MODULE": "certwright.site.settings",
    }


async def _found(configuration: Configuration, organization: str) -> None:
    database = await open_database(configuration.database_url)
    ledger = await Ledger.open(database, "init", now)
    nonce_key = envelope.encrypt(
        key_encryption_key(configuration),
        secrets.token_bytes(32),
        NONCE_CONTEXT,
        secrets.token_bytes(envelope.RANDOM_BYTES),
    )
    founding = Founding(organization, configuration.url, configuration.embedded, nonce_key)
    try:
        await found_installation(database, ledger, founding, founder(), now)
    finally:
        await ledger.close()
        await database.close()


NONCE_CONTEXT = "installation nonce key"


def founder() -> Actor:
    return Actor("local:init", (Grant(Role.ADMINISTRATOR),))


async def _found_authorities(
    context: Context, organization: str, algorithm: KeyAlgorithm, progress: Progress
) -> None:
    actor = founder()
    root = AuthorityOrder(ROOT, "root", _name(organization, "Root CA"), algorithm, RECOVERY)
    progress("founding the root authority")
    generation = await found_authority(context, actor, root)
    await issue_ocsp_signer(context, generation)
    orders = [
        AuthorityOrder(ISSUING, "issuing", _name(organization, "Issuing CA"), algorithm, "software", ROOT)
    ]
    if not algorithm.value.startswith(ORDINARY):
        # TLS clients of today cannot verify this algorithm, and must still reach our own listeners
        p256 = KeyAlgorithm.ECDSA_P256
        orders.append(AuthorityOrder(SERVICE, "issuing", _name(organization, "Service CA"), p256, "software"))
        orders[-1] = replace(orders[-1], kind="root", key_provider="software")
    for order in orders:
        progress(f"founding the {order.name} authority")
        made = await found_authority(context, actor, order)
        await issue_ocsp_signer(context, made)
        await publish_crl(context, made, 0, scheduled=True, times=ListTimes())
    await publish_crl(context, generation, 0, scheduled=True, times=OFFLINE_TIMES)
    profiles = ("tls-server", "tls-server-client")
    policy: dict[str, object] = {"names": {"wildcards": True}}
    endpoint = EndpointOrder("acme", DEFAULT_ENDPOINT, ISSUING, profiles, policy, {})
    await save_endpoint(context, actor, endpoint)


def _name(organization: str, what: str):  # type: ignore[no-untyped-def]
    escaped = "".join("\\" + one if one in ',+"\\<>;=#' else one for one in organization)
    return parse_name(f"CN={escaped} {what},O={escaped}")


async def _place_audit(context: Context, configuration: Configuration) -> None:
    """Sign a first checkpoint, so that the founding itself cannot be rewritten."""
    folder = configuration.home / "audit"
    key, verifier = read_checkpoint_key(folder)
    note = await sequence_audit(context, verifier.name, key, None)
    if note:
        keep_checkpoint(folder, note, now())


def read_checkpoint_key(folder: Path) -> tuple[Ed25519PrivateKey, VerifierKey]:
    """The key that signs checkpoints, and its public half with the log's name."""
    from ..core.checkpoint import parse_verifier_key

    key = serialization.load_pem_private_key((folder / "checkpoint-key.pem").read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return key, parse_verifier_key((folder / "checkpoint-key.pub").read_text().strip())


def held_checkpoint(folder: Path) -> str | None:
    """The newest signed note kept outside the database."""
    try:
        return (folder / "newest-checkpoint").read_text()
    except FileNotFoundError:
        return None


def keep_checkpoint(folder: Path, note: str, at: datetime) -> None:
    """Keep a checkpoint outside the database: the newest by itself, and one of each minute in a file a day.

    It is on the disk when this returns: a power cut must not leave half of one, which would stop the log.
    """
    day = folder / f"checkpoints-{at:%Y%m%d}"
    if not day.exists() or at.timestamp() - day.stat().st_mtime >= KEPT_SECONDS:
        with day.open("a") as file:
            file.write(note + "\x1e\n")
    temporary = folder / f".newest.{os.getpid()}"
    with temporary.open("w") as file:
        file.write(note)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, folder / "newest-checkpoint")


def _fingerprint(der: bytes) -> str:
    import hashlib

    return hashlib.sha256(der).hexdigest()
