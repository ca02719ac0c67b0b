"""Certwright: a public key infrastructure and the platform that manages it."""

__version__ = "0.1.0"
