"""Portfolio rules from a file: every field of ``PortfolioConfig``, drivers by name or id."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pitwall.config import PortfolioConfig
from pitwall.problems import invalid, read_bytes

Resolve = Callable[[str], str]
"""Site id of a driver given by name or id."""

_FIELDS = {field.name for field in dataclasses.fields(PortfolioConfig)}
_LISTS = ("locked", "excluded")
_TABLES = ("driver_points", "driver_exposures", "ownership_percent")


def read_rules(path: Path, resolve: Resolve) -> dict[str, Any]:
    """Fields that a TOML or JSON file sets, checked and with site ids.

    Raises
    ------
    InvalidInputError
        Naming the file and the field, for text that is neither, a field that does not exist, or a value of
        the wrong kind.
    """
    given = _parsed(path)
    for name in sorted(set(given) - _FIELDS):
        raise invalid(f"{path.name}: {name}", f"is no rule; rules are {', '.join(sorted(_FIELDS))}")
    try:
        config = TypeAdapter(PortfolioConfig).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise invalid(f"{path.name}: {where}", str(first["msg"])) from error
    return _with_ids({name: getattr(config, name) for name in given}, resolve)


def _parsed(path: Path) -> Mapping[str, Any]:
    text = read_bytes(path).decode("utf-8", errors="replace")
    try:
        found = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        kind = "TOML" if path.suffix == ".toml" else "JSON (name a TOML file .toml)"
        raise invalid(path.name, f"is not {kind}: {error}") from error
    if not isinstance(found, dict):
        raise invalid(path.name, 'must be a table of rules, such as {"max_driver_exposure": 0.4}')
    return found


def _with_ids(given: dict[str, Any], resolve: Resolve) -> dict[str, Any]:
    for name in _LISTS:
        if name in given:
            given[name] = [resolve(driver) for driver in given[name]]
    for name in _TABLES:
        if name in given:
            given[name] = {resolve(driver): value for driver, value in given[name].items()}
    if "groups" in given:
        given["groups"] = [
            dataclasses.replace(
                group,
                driver_ids=[resolve(driver) for driver in group.driver_ids],
                if_driver_id=resolve(group.if_driver_id) if group.if_driver_id else "",
            )
            for group in given["groups"]
        ]
    return given
