"""动态验证码: the six digits of a telephone's authenticator, RFC 6238 over RFC 4226 (SHA-1, six digits, thirty seconds).

SHA-1 and six digits because every authenticator in use knows them, and many know nothing else.
"""

import base64
import hashlib
import hmac
import struct
from urllib.parse import quote

STEP_SECONDS = 30
DIGITS = 6
DRIFT_STEPS = 1
"""A telephone whose clock is half a minute off is still understood (RFC 6238, 5.2)."""
SECRET_BYTES = 20
"""As long as the hash (RFC 4226, 4, R6)."""


def code_of(secret: bytes, step: int, *, digits: int = DIGITS) -> str:
    """The code of one time step, with its leading zeros.

    Args:
        step: whole steps since 1970, not negative.
    """
    digest = hmac.new(secret, struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}d}"


def step_of(secret: bytes, code: str, at_s: float) -> int | None:
    """The time step a code belongs to, near an instant; None for a wrong one. All of them are looked at, in constant time.

    The caller refuses a step that was used: a code that somebody read over a shoulder is good once.
    """
    now, found = int(at_s) // STEP_SECONDS, None
    for step in range(max(0, now - DRIFT_STEPS), now + DRIFT_STEPS + 1):
        if hmac.compare_digest(code_of(secret, step).encode(), code.encode("utf-8", "replace")):
            found = step
    return found


def secret_text(secret: bytes) -> str:
    """The secret as somebody types it into his telephone: base32 in groups of four."""
    plain = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(plain[i : i + 4] for i in range(0, len(plain), 4))


def address(secret: bytes, *, issuer: str, login: str) -> str:
    """The ``otpauth`` address an authenticator reads from the QR code."""
    plain = base64.b32encode(secret).decode().rstrip("=")
    return (
        f"otpauth://totp/{quote(issuer)}:{quote(login)}?secret={plain}&issuer={quote(issuer)}"
        f"&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"
    )
