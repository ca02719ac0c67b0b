"""LDAP as a client needs it that reads (RFC 4511)."""
