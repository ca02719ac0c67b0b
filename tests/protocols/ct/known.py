"""The log, its key and its checkpoint that Sunlight (https://github.com/FiloSottile/sunlight) tests with."""

import base64

from certwright.protocols.ct.messages import read_log_key

KEY = read_log_key(
    base64.b64decode(
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEPIcer7RB32jt4bTEbhgUKLKvOctFD+I2hoDItFxUBlJiGFvftBuRk3fO7e1T7gC2"
        "ekyfL7XoO2oN/ObcZyc4EA=="
    )
)
LOG_ID = "CKIDXIl+znJaHUyhzhNVaSxIUov59RCXLh3fJXJExnk="
ROOT = "lCkHUpkmVBEms2r2T1K6Og69+wUuuN3MIEW1/ezu2v0="
SIGNED = (
    f"rome2026h1.example.org\n300\n{ROOT}\n\n\u2014 rome2026h1.example.org "
    "kVB1JgAAAZtxtEwABAMARzBFAiEAi+mTa2xjL1IdWpH82OeciGsGvwRAP+f1WkfKaSZCfFECIHoNPZ/Q3y6UNzvKOO9cuLr6V16vPNfh"
    "whle9f6r5H/Z\n"
)
