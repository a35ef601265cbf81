"""Text of a file as a user has it: plain or as the only CSV of a zip archive, with or without a byte order mark."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
import zlib

from services.common.domain.errors import InvalidInput

MAX_TEXT_BYTES = 256 << 20


def file_text(file_name: str, content: bytes) -> str:
    """The text of a file.

    Raises
    ------
    InvalidInput
        Naming the file, and the row that is not UTF-8.
    """
    raw = _unzip(file_name, content)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        raise InvalidInput.field(f"{file_name}: row {row}", "the file is not UTF-8; give it as exported") from error


def csv_rows(file_name: str, content: bytes) -> list[list[str]]:
    """The rows of a CSV file, plain or zipped.

    Raises
    ------
    InvalidInput
        Naming the file, and the row that is not UTF-8.
    """
    try:
        return list(csv.reader(io.StringIO(file_text(file_name, content), newline="")))
    except csv.Error as error:
        raise InvalidInput.field(file_name, f"the file is no CSV file ({error}); give it as exported") from error


def _unzip(file_name: str, content: bytes) -> bytes:
    if not content.startswith(b"PK\x03\x04"):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [info for info in archive.infolist() if info.filename.lower().endswith(".csv")]
            members = [info for info in members if not info.filename.startswith("__MACOSX")]
            if len(members) != 1:
                raise InvalidInput.field(file_name, f"the archive holds {len(members)} CSV files; it must hold one")
            if members[0].file_size > MAX_TEXT_BYTES:
                raise InvalidInput.field(file_name, "the archived file is larger than 256 MiB")
            return archive.read(members[0])
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise InvalidInput.field(file_name, f"the archive cannot be read ({error}); export it again") from error
