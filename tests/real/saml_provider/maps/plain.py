"""Attributes of the tests' provider go by their plain names."""

NAMES = ("uid", "displayName", "mail", "groups", "objectId")
MAP = {
    "identifier": "urn:oasis:names:tc:SAML:2.0:attrname-format:basic",
    "fro": {name: name for name in NAMES},
    "to": {name: name for name in NAMES},
}
