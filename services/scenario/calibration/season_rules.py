"""What the rules of a season say of its races where no file does: how grids were set, whether stages ended in cautions.

All of it was known before the races it is about.
"""

from __future__ import annotations

from services.common.domain.race import Series, TrackType

_QUALIFIED_RACES = {
    2020: {Series.CUP: (1, 3, 4, 7), Series.XFINITY: (1, 3, 4), Series.TRUCK: (1, 2)},
    2021: {
        Series.CUP: (1, 14, 15, 17, 20, 24, 36),
        Series.XFINITY: (1, 11, 12, 15, 17, 21, 33),
        Series.TRUCK: (1, 9, 12, 14, 22),
    },
}
"""Races with qualifying in the seasons that had little of it. 2020: those up to early March but for Las Vegas, where it
rained (racer.com, 22 February 2020), and the Coca-Cola 600 (nationalpost.com, 8 January 2021). 2021: the events of the
Cup Series named beforehand (racer.com, 8 January 2021) with the other series there, and Knoxville (heavy.com, July
2021), but for Bristol on dirt and the trucks at Charlotte, whose grids are those of the formula: the rank correlation
of a grid with the last finish and the standings has a median of 0.90 to 0.97 by formula in 2021 (0.65 at the second
race of a weekend) and is at most 0.80 at the races listed."""
_STAGE_BREAKS_2023 = ("charlotte", "portland", "road america", "mid-ohio")
"""Road courses of 2023 whose stages ended in a caution: where the Cup Series did not race (tobychristie.com, 31 January
2023), and Charlotte (frontstretch.com, 12 September 2023)."""


def grid_from_qualifying(series: Series, season: int, race_num: int) -> bool:
    """Whether cars qualified for their places; in 2020 and 2021 most grids were drawn or set by a formula."""
    return season not in _QUALIFIED_RACES or race_num in _QUALIFIED_RACES[season][series]


def stages_end_in_cautions(season: int, track: str, track_type: TrackType) -> bool:
    """Whether the field was slowed down at the end of stages, as always but on most road courses of 2023.

    There are none before 2017, where fits begin.
    """
    if season != 2023 or track_type is not TrackType.ROAD:
        return True
    return any(word in track.lower() for word in _STAGE_BREAKS_2023)
