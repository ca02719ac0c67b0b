"""Certificate Transparency logs, by either of their interfaces."""
