"""Ranges of options, checked while the command line is read: before any work is done."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pitwall.problems import invalid

MAX_SEED = (1 << 63) - 1


def within(
    option: str, low: float, high: float = math.inf, *, above_low: bool = False, below_high: bool = False
) -> Callable[[Any], Any]:
    """A callback of an option that refuses numbers outside ``low`` to ``high``; None (not given) passes.

    ``above_low`` and ``below_high`` shut the ends out. No range holds NaN or infinity.
    """
    bounds = f"above {_plain(low)}" if above_low else f"at least {_plain(low)}"
    if high < math.inf:
        bounds += f" and below {_plain(high)}" if below_high else f" and at most {_plain(high)}"

    def check(value: Any) -> Any:
        if value is None:
            return None
        low_holds = value > low if above_low else value >= low
        high_holds = value < high if below_high or high == math.inf else value <= high
        if not (low_holds and high_holds):
            raise invalid(f"--{option}", f"must be {bounds}, not {value}")
        return value

    return check


def _plain(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:,g}"
