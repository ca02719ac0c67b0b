"""What a home folder keeps of the audit log outside the database."""

from pathlib import Path

from ..cli.wiring import AuditTrust
from ..core.checkpoint import parse_verifier_key
from .installation import held_checkpoint
from .secret_files import read_secret_file


def audit_trust(home: Path) -> AuditTrust:
    """Raises NotFound, Malformed."""
    folder = home / "audit"
    key = read_secret_file(folder / "checkpoint-key.pub", "the audit log's public key")
    held = held_checkpoint(folder)
    return AuditTrust((parse_verifier_key(key),), () if held is None else (held,))
