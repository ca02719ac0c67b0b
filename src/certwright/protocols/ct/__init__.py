"""Certificate Transparency (RFC 6962, and the static-ct-api): what a log says, read and verified."""
