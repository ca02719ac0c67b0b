"""How long evidence on organizations and mailboxes is reused at most; alone, for settings to read without the
rest."""

IDENTITY_DAYS = 398
"""TLS BR 4.2.1 for subject identity since 2026-03-15, EVG 3.2.2.14.3 for all data of extended validation."""
MAILBOX_DAYS = 30
"""S/MIME BR 4.2.1 for control of a mailbox that was shown by a mail to it."""
