"""How long evidence on an organization is reused at most; alone, for settings to read without the rest."""

IDENTITY_DAYS = 398
"""TLS BR 4.2.1 for subject identity since 2026-03-15, EVG 3.2.2.14.3 for all data of extended validation."""
