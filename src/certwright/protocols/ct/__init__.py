"""Certificate Transparency (RFC 6962): what a log says, read and verified."""
