"""What a request message could not even carry, refused by the name of the setting."""

from __future__ import annotations

import operator

from pitwall.config import PortfolioConfig
from pitwall.errors import InvalidInputError, Violation

_GREATEST = {
    "n_lineups": 2**31 - 1,
    "min_distinct_drivers": 2**31 - 1,
    "min_low_owned": 2**31 - 1,
    "max_dominators": 2**31 - 1,
    "stability_resamples": 2**31 - 1,
    "salary_floor_dollars": 2**63 - 1,
    "field_entries": 2**63 - 1,
    "seed": 2**64 - 1,
}
"""Whole numbers of a config, none of them negative, with the greatest that fits the message."""


def check_portfolio(config: PortfolioConfig) -> None:
    """Check the types and signs of a config; what they mean is the service's to judge.

    Raises
    ------
    InvalidInputError
        With every setting at fault.
    """
    found = [*_whole_numbers(config), *_lists(config)]
    if config.mean_weight < 0:
        found.append(Violation("mean_weight", f"must not be negative, is {config.mean_weight:g}"))
    if found:
        text = "; ".join(f"{item.field}: {item.description}" for item in found)
        raise InvalidInputError(text, violations=found)


def _whole_numbers(config: PortfolioConfig) -> list[Violation]:
    found = []
    for name, greatest in _GREATEST.items():
        value = getattr(config, name)
        if value is None:
            continue
        try:
            fits = 0 <= operator.index(value) <= greatest
        except TypeError:
            fits = False
        if not fits:
            found.append(Violation(name, f"must be a whole number from 0 to {greatest}, is {value!r}"))
    return found


def _lists(config: PortfolioConfig) -> list[Violation]:
    """Texts in place of lists of site ids: they would be taken apart into their characters."""
    groups = {f"groups[{index}].driver_ids": group.driver_ids for index, group in enumerate(config.groups)}
    lists = {"locked": config.locked, "excluded": config.excluded, **groups}
    return [
        Violation(name, f"must be a list of site ids, is the text {value!r}; write [{value!r}]")
        for name, value in lists.items()
        if isinstance(value, str)
    ]
