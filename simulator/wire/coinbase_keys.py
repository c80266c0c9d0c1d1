"""Coinbase's keys: a name, and an elliptic-curve key (P-256) that signs a token for every request.

A token is a JWT with the algorithm ES256: header, claims and signature, each in URL-safe base64. It names the
key (`sub`), the request it is for (`uri`: method, host, path) and lives for two minutes at most.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime
from typing import Any, Final

from simulator.wire.figures import seconds

LIFE: Final = 120
"""The longest a token may live, in seconds."""
_COORDINATE: Final = 32
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""How many points the curve P-256 has (FIPS 186-4, D.1.2.3)."""


def key_from(seed: str) -> tuple[str, str]:
    """A key as Coinbase hands it out: its name and the private key in PEM. The same seed, the same key."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    digest = hashlib.sha256(seed.encode()).digest()
    number = int.from_bytes(digest, "big") % (_ORDER - 1) + 1
    pem = ec.derive_private_key(number, ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    name = digest.hex()
    return f"organizations/{name[:8]}/apiKeys/{name[8:16]}", pem.decode()


def claimed(authorization: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Header and claims of a bearer token, unchecked; None for anything else."""
    scheme, _, token = authorization.partition(" ")
    parts = token.split(".")
    if scheme != "Bearer" or len(parts) != 3:
        return None
    try:
        header, claims = (json.loads(_decoded(part)) for part in parts[:2])
    except ValueError:
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    return header, claims


def genuine(authorization: str, secret: str) -> bool:
    """Whether a token was signed with the private key `secret` (PEM)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    signed, _, signature = authorization.partition(" ")[2].rpartition(".")
    try:
        raw = _decoded(signature)
        private = serialization.load_pem_private_key(secret.encode(), None)
    except ValueError:
        return False
    if len(raw) != 2 * _COORDINATE or not isinstance(private, ec.EllipticCurvePrivateKey):
        return False
    r, s = int.from_bytes(raw[:_COORDINATE], "big"), int.from_bytes(raw[_COORDINATE:], "big")
    try:
        private.public_key().verify(
            utils.encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256())
        )
    except InvalidSignature:
        return False
    return True


def in_time(claims: dict[str, Any], now: datetime) -> bool:
    """Whether a token lives now, and no longer than it may."""
    starts, ends = claims.get("nbf"), claims.get("exp")
    if not isinstance(starts, int) or not isinstance(ends, int) or not 0 < ends - starts <= LIFE:
        return False
    return starts <= seconds(now) + 1 and seconds(now) < ends


def meant_for(claims: dict[str, Any], method: str, host: str, path: str) -> bool:
    """Whether a token is for this request. A scheme before the host is left aside: clients differ in it."""
    said = claims.get("uri")
    if not isinstance(said, str):
        return False
    verb, _, place = said.partition(" ")
    place = place.removeprefix("https://").removeprefix("http://")
    return (verb, place) == (method, host + path)


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
