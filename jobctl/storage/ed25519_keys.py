"""Ed25519 keys in PEM files, as `openssl genpkey -algorithm ed25519` makes them."""

from pathlib import Path
from typing import TYPE_CHECKING

from jobctl.errors import BadConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )


class Ed25519Signer:
    def __init__(self, path: Path) -> None:
        self._key = _private_key(path)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


class Ed25519Verifier:
    def __init__(self, path: Path) -> None:
        self._key = _public_key(path)

    def verify(self, message: bytes, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def _private_key(path: Path) -> "Ed25519PrivateKey":
    _require_library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    text = _read(path)
    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError) as error:
        raise _no_key(path, "private") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(path, "private")
    return key


def _public_key(path: Path) -> "Ed25519PublicKey":
    _require_library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    text = _read(path)
    try:
        key = load_pem_public_key(text)
    except (ValueError, TypeError) as error:
        raise _no_key(path, "public") from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path, "public")
    return key


def _require_library() -> None:
    from importlib.util import find_spec

    if find_spec("cryptography") is None:
        raise BadConfigurationError(
            "signatures need the library cryptography", hint="pip install 'jobctl[sign]'"
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadConfigurationError(f"cannot read the key {path}: {error.strerror}") from error


def _no_key(path: Path, kind: str) -> BadConfigurationError:
    return BadConfigurationError(
        f"{path} is no {kind} Ed25519 key in a PEM file without a password",
        hint="openssl genpkey -algorithm ed25519 makes one; openssl pkey -pubout its public part",
    )
