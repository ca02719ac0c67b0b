"""Numbers and names of the IANA registries "TLS Parameters", as far as a look needs them."""

from enum import IntEnum

SSL_3, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 = range(0x0300, 0x0305)
VERSIONS = {SSL_3: "SSLv3", TLS_1_0: "TLSv1", TLS_1_1: "TLSv1.1", TLS_1_2: "TLSv1.2", TLS_1_3: "TLSv1.3"}


# Plain numbers where a look compares many: before Python 3.12 a member of an enumeration is slow to get at.


class Content:
    """Types of record (RFC 8446 section 5.1)."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23


class Kind:
    """Types of handshake message (RFC 8446 section 4, RFC 5246 section 7.4)."""

    HELLO_REQUEST = 0
    CLIENT_HELLO = 1
    SERVER_HELLO = 2
    ENCRYPTED_EXTENSIONS = 8
    CERTIFICATE = 11
    SERVER_KEY_EXCHANGE = 12
    CERTIFICATE_REQUEST = 13
    SERVER_HELLO_DONE = 14
    CERTIFICATE_VERIFY = 15
    FINISHED = 20
    CERTIFICATE_STATUS = 22
    SUPPLEMENTAL_DATA = 23
    MESSAGE_HASH = 254


class Extension:
    """Types of extension (RFC 8446 section 4.2)."""

    SERVER_NAME = 0
    STATUS_REQUEST = 5
    SUPPORTED_GROUPS = 10
    EC_POINT_FORMATS = 11
    SIGNATURE_ALGORITHMS = 13
    ALPN = 16
    PADDING = 21
    EXTENDED_MASTER_SECRET = 23
    SUPPORTED_VERSIONS = 43
    COOKIE = 44
    PSK_KEY_EXCHANGE_MODES = 45
    KEY_SHARE = 51
    RENEGOTIATION_INFO = 0xFF01


class Group(IntEnum):
    """Key exchange groups in which we have a key, or which TLS 1.2 may choose; the names are IANA's."""

    secp256k1 = 22
    secp256r1 = 23
    secp384r1 = 24
    secp521r1 = 25
    brainpoolP256r1 = 26  # noqa: N815
    brainpoolP384r1 = 27  # noqa: N815
    brainpoolP512r1 = 28  # noqa: N815
    x25519 = 29
    x448 = 30
    SecP256r1MLKEM768 = 4587
    X25519MLKEM768 = 4588
    SecP384r1MLKEM1024 = 4589


GROUP_NAMES = {int(group): group.name for group in Group}
POST_QUANTUM = frozenset({Group.SecP256r1MLKEM768, Group.X25519MLKEM768, Group.SecP384r1MLKEM1024})

# What we offer, in the order of preference: everything OpenSSL or an old appliance may have that comes with a
# certificate. We never send a secret, so that a weak one does no harm, and is told.
_SUITES = """
1301 TLS_AES_128_GCM_SHA256
1302 TLS_AES_256_GCM_SHA384
1303 TLS_CHACHA20_POLY1305_SHA256
c02b TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
c02f TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
c02c TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
c030 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
cca9 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
cca8 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
c0ac TLS_ECDHE_ECDSA_WITH_AES_128_CCM
c0ae TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8
c023 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256
c027 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256
c024 TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384
c028 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384
c009 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA
c013 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA
c00a TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA
c014 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA
009e TLS_DHE_RSA_WITH_AES_128_GCM_SHA256
009f TLS_DHE_RSA_WITH_AES_256_GCM_SHA384
ccaa TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256
0067 TLS_DHE_RSA_WITH_AES_128_CBC_SHA256
006b TLS_DHE_RSA_WITH_AES_256_CBC_SHA256
0033 TLS_DHE_RSA_WITH_AES_128_CBC_SHA
0039 TLS_DHE_RSA_WITH_AES_256_CBC_SHA
00a2 TLS_DHE_DSS_WITH_AES_128_GCM_SHA256
0032 TLS_DHE_DSS_WITH_AES_128_CBC_SHA
0038 TLS_DHE_DSS_WITH_AES_256_CBC_SHA
009c TLS_RSA_WITH_AES_128_GCM_SHA256
009d TLS_RSA_WITH_AES_256_GCM_SHA384
003c TLS_RSA_WITH_AES_128_CBC_SHA256
003d TLS_RSA_WITH_AES_256_CBC_SHA256
002f TLS_RSA_WITH_AES_128_CBC_SHA
0035 TLS_RSA_WITH_AES_256_CBC_SHA
0041 TLS_RSA_WITH_CAMELLIA_128_CBC_SHA
0084 TLS_RSA_WITH_CAMELLIA_256_CBC_SHA
c012 TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA
c008 TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA
0016 TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA
0013 TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA
000a TLS_RSA_WITH_3DES_EDE_CBC_SHA
c011 TLS_ECDHE_RSA_WITH_RC4_128_SHA
c007 TLS_ECDHE_ECDSA_WITH_RC4_128_SHA
0005 TLS_RSA_WITH_RC4_128_SHA
0004 TLS_RSA_WITH_RC4_128_MD5
0009 TLS_RSA_WITH_DES_CBC_SHA
"""
SUITES = {int(code, 16): name for code, name in map(str.split, _SUITES.strip().splitlines())}
SCSV = 0x00FF
"""TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746 section 3.3), for a hello without extensions."""


class Scheme(IntEnum):
    """Signature schemes (RFC 8446 section 4.2.3), in TLS 1.2 pairs of hash and signature."""

    ECDSA_SECP256R1_SHA256 = 0x0403
    ECDSA_SECP384R1_SHA384 = 0x0503
    ECDSA_SECP521R1_SHA512 = 0x0603
    ED25519 = 0x0807
    ED448 = 0x0808
    ML_DSA_44 = 0x0904
    ML_DSA_65 = 0x0905
    ML_DSA_87 = 0x0906
    ECDSA_BRAINPOOLP256R1_SHA256 = 0x081A
    ECDSA_BRAINPOOLP384R1_SHA384 = 0x081B
    ECDSA_BRAINPOOLP512R1_SHA512 = 0x081C
    RSA_PSS_RSAE_SHA256 = 0x0804
    RSA_PSS_RSAE_SHA384 = 0x0805
    RSA_PSS_RSAE_SHA512 = 0x0806
    RSA_PSS_PSS_SHA256 = 0x0809
    RSA_PSS_PSS_SHA384 = 0x080A
    RSA_PSS_PSS_SHA512 = 0x080B
    RSA_PKCS1_SHA256 = 0x0401
    RSA_PKCS1_SHA384 = 0x0501
    RSA_PKCS1_SHA512 = 0x0601
    DSA_SHA256 = 0x0402
    ECDSA_SHA1 = 0x0203
    RSA_PKCS1_SHA1 = 0x0201
    DSA_SHA1 = 0x0202


_ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    109: "missing_extension",
    110: "unsupported_extension",
    112: "unrecognized_name",
    116: "certificate_required",
    120: "no_application_protocol",
}
UNRECOGNIZED_NAME, NO_APPLICATION_PROTOCOL = 112, 120


def alert_name(code: int) -> str:
    """The name of an alert (RFC 8446 section 6), its number where there is none."""
    return _ALERTS.get(code, f"alert {code}")
