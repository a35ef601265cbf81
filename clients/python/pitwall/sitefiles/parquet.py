"""Parquet files, for which pyarrow is an optional extra."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from pitwall.problems import invalid

if TYPE_CHECKING:
    import pandas as pd

_REMEDY = "parquet needs pyarrow: pip install 'pitwall[parquet]', or choose another format"


def read_parquet(file_name: str, content: bytes) -> pd.DataFrame:
    """The table of a file.

    Raises
    ------
    InvalidInputError
        If it is no parquet file, or pyarrow is missing.
    """
    import pandas as pd  # only this format needs it

    try:
        return pd.read_parquet(io.BytesIO(content), engine="pyarrow")
    except ImportError as error:
        raise invalid(file_name, _REMEDY) from error
    except (OSError, ValueError, TypeError, KeyError, NotImplementedError, MemoryError) as error:
        raise invalid(file_name, f"is no parquet file that can be read ({error})") from error


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """The file of a table.

    Raises
    ------
    InvalidInputError
        If pyarrow is missing.
    """
    buffer = io.BytesIO()
    try:
        frame.to_parquet(buffer, engine="pyarrow", index=False)
    except ImportError as error:
        raise invalid("format", _REMEDY) from error
    return buffer.getvalue()
