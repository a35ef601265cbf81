"""The TLS of a server."""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc

from pitwall.errors import InvalidInputError
from services.common.rpc.settings import ServerSettings


def server_credentials(settings: ServerSettings) -> grpc.ServerCredentials | None:
    """What a server shows and asks for by TLS; None in plaintext.

    Raises
    ------
    InvalidInputError
        If a file cannot be read, or the two are no certificate and its key.
    """
    if not (settings.tls_key_path and settings.tls_certificate_path):
        return None
    pair = (_content(settings.tls_key_path), _content(settings.tls_certificate_path))
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.tls_certificate_path, settings.tls_key_path, password=""
        )
    except ssl.SSLError as error:
        raise InvalidInputError(
            f"{settings.tls_certificate_path} and {settings.tls_key_path} are no certificate and its key "
            f"({error.reason or error}); are they of one pair, unencrypted PEM, and not swapped?"
        ) from error
    authorities = _content(settings.tls_client_ca_path) if settings.tls_client_ca_path else None
    return grpc.ssl_server_credentials([pair], authorities, require_client_auth=authorities is not None)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"cannot read {path} ({error.strerror}), which the TLS settings name") from error
