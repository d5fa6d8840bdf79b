"""Verifies a packet with the keys that MetaGate publishes: verify.py PACKET SIGNATURE JWKS

PACKET is a file with the body of a bootstrap's answer, SIGNATURE its header
Metagate-Signature, JWKS a file with GET /.well-known/jwks.json. It needs cryptography.
"""
import base64, json, sys
from decimal import Decimal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NOT_SIGNED = {"packet_id", "packet_etag", "issued_at", "startup", "manifest_version"}


class Number:
    """A number as it was written: some are no double."""

    def __init__(self, text):
        self.text = text

    def canonical(self):
        value = float(self.text)
        if value in (float("inf"), float("-inf")) or Decimal(ecmascript(value)) != Decimal(self.text):
            return self.text
        return ecmascript(value)


def ecmascript(value):
    """RFC 8785 writes a double as ECMAScript does."""
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    digits, point = "".join(map(str, digits)), len(digits) + exponent
    if 0 < point <= 21:
        text = digits[:point].ljust(point, "0") + ("." + digits[point:] if point < len(digits) else "")
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = digits[0] + ("." + digits[1:] if digits[1:] else "") + "e%+d" % (point - 1)
    return "-" * sign + text


def canonical(value):
    if isinstance(value, Number):
        return value.canonical()
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(json.dumps(name, ensure_ascii=False) + ":" + canonical(value[name]) for name in names) + "}"
    return json.dumps(value, ensure_ascii=False)


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify(packet, signature, jwks):
    """Returns the packet and what the signature says of it, or raises."""
    packet = json.loads(packet, parse_int=Number, parse_float=Number)
    content = canonical({name: value for name, value in packet.items() if name not in NOT_SIGNED}).encode()
    head, _, sig = signature.split(".")
    says = json.loads(unpadded(head))
    key = next(k for k in json.loads(jwks)["keys"] if k["kid"] == says["kid"])
    signed = head.encode() + b"." + base64.urlsafe_b64encode(content).rstrip(b"=")
    Ed25519PublicKey.from_public_bytes(unpadded(key["x"])).verify(unpadded(sig), signed)
    return packet, says


if __name__ == "__main__":
    try:
        packet, says = verify(open(sys.argv[1], encoding="utf-8").read(), sys.argv[2], open(sys.argv[3]).read())
    except (InvalidSignature, StopIteration):
        sys.exit("the packet does not verify")
    print(packet["principal_key"], packet["component_key"], "at revision", says["rev"])
