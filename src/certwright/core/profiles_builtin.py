"""The profiles every installation starts with, as the documents one would write oneself.

An installation may store changed versions under the same names; these are version 1.
"""

from functools import cache
from typing import Any

from .profile import Profile
from .profile_document import from_document

_RSA = ["rsa-2048", "rsa-3072", "rsa-4096"]
_ECDSA = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"]
_EDDSA = ["ed25519", "ed448"]
_ML_DSA = ["ml-dsa-44", "ml-dsa-65", "ml-dsa-87"]
_SIGNING = [*_RSA, *_ECDSA, *_EDDSA, *_ML_DSA]
_ALL_POINTERS = ["ocsp", "ca-issuers", "crl"]
_END_ENTITY = {"basic_constraints": {"authority": False}, "pointers": _ALL_POINTERS}
_SIGNS = {"always": ["digitalSignature"]}
_SIGNS_AND_ENCIPHERS = {"always": ["digitalSignature"], "by_key": {"rsa": ["keyEncipherment"]}}
_SIGNS_WITH_COMMITMENT = {"always": ["digitalSignature", "contentCommitment"]}
_CERTIFIES = {"always": ["digitalSignature", "keyCertSign", "cRLSign"]}
_FIRST_NAME = {"type": "CN", "source": "first-name"}
_COMMON_NAME = {"type": "CN", "required": True}
_PERSON = [
    {"type": "C"},
    {"type": "O"},
    {"type": "OU", "maximum": 4},
    {"type": "GN"},
    {"type": "SN"},
    {"type": "serialNumber"},
    _COMMON_NAME,
]
_ORGANIZATION = [
    {"type": "C"},
    {"type": "ST"},
    {"type": "L"},
    {"type": "O"},
    {"type": "OU", "maximum": 4},
    _COMMON_NAME,
]
_AUTHORITY = [{"type": "DC", "maximum": 8}, *_ORGANIZATION]
_DIRECTORY = [{"type": "DC", "maximum": 8}, {"type": "O"}, {"type": "OU", "maximum": 8}]


def _lifetime(
    default: str, maximum: str, backdate: str = "5m", beyond_issuer: str = "clamp"
) -> dict[str, str]:
    return {"default": default, "maximum": maximum, "backdate": backdate, "beyond_issuer": beyond_issuer}


DOCUMENTS: tuple[dict[str, Any], ...] = (
    {
        "name": "tls-server",
        "description": "TLS server, names by DNS or address",
        "keys": _SIGNING,
        "lifetime": _lifetime("90d", "398d"),
        "subject": {"attributes": [_FIRST_NAME]},
        "names": {"kinds": ["dns", "ip"], "minimum": 1, "wildcards": True, "from_subject": True},
        "key_usage": _SIGNS_AND_ENCIPHERS,
        "extended_key_usage": {"purposes": ["serverAuth"]},
        "must_staple": "on-request",
        **_END_ENTITY,
    },
    {
        "name": "tls-client",
        "description": "TLS client: a program or a person that proves who it is",
        "keys": _SIGNING,
        "lifetime": _lifetime("90d", "825d"),
        "subject": {"attributes": [*_DIRECTORY, {"type": "UID"}, _COMMON_NAME]},
        "names": {"kinds": ["dns", "email", "uri", "upn"]},
        "key_usage": _SIGNS,
        "extended_key_usage": {"purposes": ["clientAuth"]},
        "server_made_keys": True,
        **_END_ENTITY,
    },
    {
        "name": "tls-server-client",
        "description": "TLS server that also connects as a client, as members of a cluster do",
        "keys": _SIGNING,
        "lifetime": _lifetime("90d", "398d"),
        "subject": {"attributes": [_FIRST_NAME]},
        "names": {"kinds": ["dns", "ip", "uri"], "minimum": 1, "wildcards": True, "from_subject": True},
        "key_usage": _SIGNS_AND_ENCIPHERS,
        "extended_key_usage": {"purposes": ["serverAuth", "clientAuth"]},
        "must_staple": "on-request",
        **_END_ENTITY,
    },
    {
        "name": "code-signing",
        "description": "Signing of programs and packages",
        "keys": ["rsa-3072", "rsa-4096", *_ECDSA, *_EDDSA, *_ML_DSA],
        "lifetime": _lifetime("365d", "1186d"),
        "subject": {"attributes": _ORGANIZATION, "unlisted": "refuse"},
        "key_usage": _SIGNS,
        "extended_key_usage": {"purposes": ["codeSigning"]},
        **_END_ENTITY,
    },
    {
        "name": "smime-signing",
        "description": "Signing of mail (S/MIME)",
        "keys": _SIGNING,
        "lifetime": _lifetime("365d", "825d"),
        "subject": {"attributes": [*_PERSON, {"type": "emailAddress"}]},
        "names": {"kinds": ["email"], "minimum": 1, "maximum": 10, "from_subject": True},
        "key_usage": _SIGNS_WITH_COMMITMENT,
        "extended_key_usage": {"purposes": ["emailProtection"]},
        **_END_ENTITY,
    },
    {
        "name": "smime-encryption",
        "description": "Encryption of mail (S/MIME)",
        "keys": [*_RSA, *_ECDSA],
        "lifetime": _lifetime("365d", "825d"),
        "subject": {"attributes": [*_PERSON, {"type": "emailAddress"}]},
        "names": {"kinds": ["email"], "minimum": 1, "maximum": 10, "from_subject": True},
        "key_usage": {"by_key": {"rsa": ["keyEncipherment"], "ecdsa": ["keyAgreement"]}},
        "extended_key_usage": {"purposes": ["emailProtection"]},
        "server_made_keys": True,
        **_END_ENTITY,
    },
    {
        "name": "document-signing",
        "description": "Signing of documents by a person or an organization",
        "keys": _SIGNING,
        "lifetime": _lifetime("365d", "1186d"),
        "subject": {"attributes": _PERSON},
        "names": {"kinds": ["email"], "maximum": 10},
        "key_usage": _SIGNS_WITH_COMMITMENT,
        "extended_key_usage": {"purposes": ["documentSigning", "msDocumentSigning"]},
        **_END_ENTITY,
    },
    {
        "name": "device",
        "description": "A device that proves who it is: network access, machine to machine",
        "keys": _SIGNING,
        "lifetime": _lifetime("365d", "3650d"),
        "subject": {
            "attributes": [
                {"type": "O"},
                {"type": "OU", "maximum": 4},
                {"type": "serialNumber"},
                _COMMON_NAME,
            ]
        },
        "names": {"kinds": ["dns", "ip", "uri"], "maximum": 20},
        "key_usage": _SIGNS,
        "extended_key_usage": {"purposes": ["clientAuth"]},
        **_END_ENTITY,
    },
    {
        "name": "vpn-gateway",
        "description": "IPsec gateway (RFC 4945), also usable where clients look for a TLS server",
        "keys": _SIGNING,
        "lifetime": _lifetime("365d", "825d"),
        "subject": {"attributes": [_FIRST_NAME]},
        "names": {"kinds": ["dns", "ip", "email"], "minimum": 1, "maximum": 20, "from_subject": True},
        "key_usage": _SIGNS_AND_ENCIPHERS,
        "extended_key_usage": {"purposes": ["serverAuth", "ipsecIKE"]},
        **_END_ENTITY,
    },
    {
        "name": "smart-card-logon",
        "description": "Log-in with a smart card to Windows or Kerberos (RFC 4556)",
        "keys": [*_RSA, *_ECDSA],
        "lifetime": _lifetime("365d", "1096d"),
        "subject": {"attributes": [*_DIRECTORY, _COMMON_NAME]},
        # Windows maps an account strongly by its SID, in a URI: tag:microsoft.com,2022-09-14:sid:S-1-5-21-...
        "names": {
            "kinds": ["upn", "email", "kerberos", "uri"],
            "required": ["upn", "kerberos"],
            "minimum": 1,
            "maximum": 5,
        },
        "key_usage": _SIGNS_AND_ENCIPHERS,
        "extended_key_usage": {"purposes": ["msSmartcardLogon", "clientAuth", "pkinitClientAuth"]},
        **_END_ENTITY,
    },
    {
        "name": "domain-controller",
        "description": "Domain controller and Kerberos key distribution centre (RFC 4556)",
        "keys": [*_RSA, *_ECDSA],
        "lifetime": _lifetime("365d", "825d"),
        "subject": {"attributes": [_FIRST_NAME]},
        "names": {
            "kinds": ["dns", "guid", "kerberos"],
            "required": ["dns"],
            "minimum": 1,
            "maximum": 20,
            "from_subject": True,
        },
        "key_usage": _SIGNS_AND_ENCIPHERS,
        "extended_key_usage": {"purposes": ["serverAuth", "clientAuth", "pkinitKdc", "msSmartcardLogon"]},
        **_END_ENTITY,
    },
    {
        "name": "ocsp-signer",
        "description": "Delegated OCSP responder (RFC 6960 section 4.2.2.2); a year under an offline root",
        "keys": _SIGNING,
        "lifetime": _lifetime("14d", "366d"),
        "subject": {"attributes": _AUTHORITY},
        "key_usage": _SIGNS,
        "extended_key_usage": {"purposes": ["OCSPSigning"]},
        "ocsp_nocheck": True,
        "basic_constraints": {"authority": False},
        "pointers": ["ca-issuers"],
    },
    {
        "name": "time-stamping",
        "description": "Time stamping authority (RFC 3161 section 2.3)",
        "keys": _SIGNING,
        "lifetime": _lifetime("1096d", "4017d"),
        "subject": {"attributes": _ORGANIZATION},
        "key_usage": _SIGNS,
        "extended_key_usage": {"purposes": ["timeStamping"], "critical": True},
        **_END_ENTITY,
    },
    {
        "name": "intermediate-authority",
        "description": "Authority that certifies further authorities",
        "keys": _SIGNING,
        "lifetime": _lifetime("3650d", "7305d", "0s"),
        "subject": {"attributes": _AUTHORITY},
        "key_usage": _CERTIFIES,
        "basic_constraints": {"authority": True},
        "pointers": _ALL_POINTERS,
    },
    {
        "name": "issuing-authority",
        "description": "Authority that certifies end entities only (path length 0)",
        "keys": _SIGNING,
        "lifetime": _lifetime("1826d", "3653d", "0s"),
        "subject": {"attributes": _AUTHORITY},
        "key_usage": _CERTIFIES,
        "basic_constraints": {"authority": True, "path_length": 0},
        "pointers": _ALL_POINTERS,
    },
    {
        "name": "root-authority",
        "description": "Self-signed trust anchor",
        "keys": _SIGNING,
        "lifetime": _lifetime("7305d", "10958d", "0s", "refuse"),
        "subject": {"attributes": _AUTHORITY},
        "key_usage": _CERTIFIES,
        "basic_constraints": {"authority": True},
    },
)


@cache
def built_in_profiles() -> dict[str, Profile]:
    """Every built-in profile by name. Do not change the dictionary."""
    return {document["name"]: from_document(document) for document in DOCUMENTS}
