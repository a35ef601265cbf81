"""The tracks of the championships: type, length and each series' usual distance, so that a name is enough.

Lengths and distances of the Cup: NASCAR race results 2017-2023 and the 2023 schedule. Distances of the Xfinity and
Truck Series: the 2023 schedule, checked against the laps run in 2022 and 2023, and the laps run in 2022 where 2023 had
no race (trucks at Sonoma and Knoxville); of two races at a track the first. Three numbers of that schedule agree with
no race that was run: there the laps run stand (Xfinity at Circuit of the Americas and Sonoma), or those in the
scheduled miles (trucks at Talladega). Types: superspeedway = Daytona and Talladega ovals and Atlanta since 2022;
short = ovals up to 1.06 miles; road = road and street courses; dirt; intermediate = all other ovals.
"""

from __future__ import annotations

from dataclasses import dataclass

from rapidfuzz import fuzz, process

from pitwall.problems import invalid
from pitwall.types.race import Track

_NEAR_PERCENT = 75
"""Likeness from which a name is suggested."""

TRACK_TYPES = ("superspeedway", "intermediate", "short", "road", "dirt")


@dataclass(frozen=True)
class KnownTrack:
    """A track and the laps that races of each series there usually have; 0 where it has not raced there lately."""

    name: str
    type: str
    length_miles: float
    cup: int = 0
    xfinity: int = 0
    truck: int = 0

    @property
    def track(self) -> Track:
        """As the contract has it."""
        return Track(self.type, self.name, self.length_miles)

    @property
    def distances(self) -> dict[str, int]:
        """Laps by series."""
        return {"cup": self.cup, "xfinity": self.xfinity, "truck": self.truck}

    def usual_laps(self, series: str) -> int:
        """The usual distance of a series.

        Raises
        ------
        InvalidInputError
            If the series has not raced there lately, or is none.
        """
        if series.lower() not in self.distances:
            raise invalid("series", f"must be one of {', '.join(self.distances)}, not {series!r}")
        found = self.distances[series.lower()]
        if not found:
            problem = f"the {series.lower()} series has no usual distance at {self.name}; say how far this race goes"
            raise invalid("laps", f"{problem}, for example --laps 150")
        return found


KNOWN_TRACKS = (
    KnownTrack("Atlanta Motor Speedway", "superspeedway", 1.54, cup=260, xfinity=163, truck=135),
    KnownTrack("Daytona International Speedway", "superspeedway", 2.5, cup=200, xfinity=120, truck=100),
    KnownTrack("Talladega Superspeedway", "superspeedway", 2.66, cup=188, xfinity=113, truck=94),
    KnownTrack("Auto Club Speedway", "intermediate", 2.0, cup=200, xfinity=150),
    KnownTrack("Charlotte Motor Speedway", "intermediate", 1.5, cup=400, xfinity=200, truck=134),
    KnownTrack("Chicagoland Speedway", "intermediate", 1.5, cup=267),
    KnownTrack("Darlington Raceway", "intermediate", 1.366, cup=367, xfinity=147, truck=147),
    KnownTrack("Homestead-Miami Speedway", "intermediate", 1.5, cup=267, xfinity=200, truck=134),
    KnownTrack("Indianapolis Motor Speedway", "intermediate", 2.5, cup=160),
    KnownTrack("Kansas Speedway", "intermediate", 1.5, cup=267, xfinity=200, truck=134),
    KnownTrack("Kentucky Speedway", "intermediate", 1.5, cup=267),
    KnownTrack("Las Vegas Motor Speedway", "intermediate", 1.5, cup=267, xfinity=200, truck=134),
    KnownTrack("Michigan International Speedway", "intermediate", 2.0, cup=200, xfinity=125),
    KnownTrack("Nashville Superspeedway", "intermediate", 1.333, cup=300, xfinity=188, truck=150),
    KnownTrack("Pocono Raceway", "intermediate", 2.5, cup=160, xfinity=90, truck=60),
    KnownTrack("Texas Motor Speedway", "intermediate", 1.5, cup=267, xfinity=200, truck=167),
    KnownTrack("World Wide Technology Raceway at Gateway", "intermediate", 1.25, cup=240, truck=160),
    KnownTrack("Bristol Motor Speedway", "short", 0.533, cup=500, xfinity=300, truck=200),
    KnownTrack("Dover International Speedway", "short", 1.0, cup=400, xfinity=200),
    KnownTrack("Martinsville Speedway", "short", 0.526, cup=400, xfinity=250, truck=200),
    KnownTrack("New Hampshire Motor Speedway", "short", 1.058, cup=301, xfinity=200),
    KnownTrack("Phoenix Raceway", "short", 1.0, cup=312, xfinity=200, truck=150),
    KnownTrack("Richmond Raceway", "short", 0.75, cup=400, xfinity=250, truck=250),
    KnownTrack("Lucas Oil Indianapolis Raceway Park", "short", 0.686, truck=200),
    KnownTrack("Milwaukee Mile", "short", 1.015, truck=175),
    KnownTrack("North Wilkesboro Speedway", "short", 0.625, truck=250),
    KnownTrack("Charlotte Motor Speedway Road Course", "road", 2.28, cup=109, xfinity=67),
    KnownTrack("Chicago Street Course", "road", 2.14, cup=100, xfinity=55),
    KnownTrack("Circuit of the Americas", "road", 3.41, cup=68, xfinity=46, truck=42),
    KnownTrack("Daytona International Speedway Road Course", "road", 3.61, cup=65),
    KnownTrack("Indianapolis Motor Speedway Road Course", "road", 2.439, cup=82, xfinity=62),
    KnownTrack("Road America", "road", 4.048, cup=62, xfinity=45),
    KnownTrack("Sonoma Raceway", "road", 1.99, cup=110, xfinity=79, truck=75),
    KnownTrack("Watkins Glen International", "road", 2.45, cup=90, xfinity=82),
    KnownTrack("Mid-Ohio Sports Car Course", "road", 2.258, truck=67),
    KnownTrack("Portland International Raceway", "road", 1.967, xfinity=75),
    KnownTrack("Bristol Motor Speedway Dirt Track", "dirt", 0.533, cup=250, truck=150),
    KnownTrack("Knoxville Raceway", "dirt", 0.5, truck=150),
)


def find_track(text: str, laps: int = 0, series: str = "cup") -> tuple[Track, int]:
    """A track and the laps of a series there from a type ("short") or a part of a name ("phoenix").

    Tracks where the series races go before others, names that begin with the text before those that hold it; where it
    fits an oval and its road course, the shorter name wins. A whole name is that track. ``laps`` overrides the series'
    usual distance, and is needed with a bare type and where the series has not raced lately.

    Raises
    ------
    InvalidInputError
        If nothing or too much fits, or laps are missing.
    """
    wanted = text.strip().lower()
    if wanted in TRACK_TYPES:
        if not laps:
            raise invalid("laps", "say how many laps are scheduled, for example --laps 312")
        return Track(wanted), laps
    found = [known for known in KNOWN_TRACKS if wanted and wanted in known.name.lower()]
    if not found:
        raise invalid("track", _unknown(text))
    exactly = [known for known in found if known.name.lower() == wanted]
    found = exactly or [known for known in found if known.distances.get(series.lower())] or found
    found = [known for known in found if known.name.lower().startswith(wanted)] or found
    shortest = min(found, key=lambda known: len(known.name))
    if not all(known.name.startswith(shortest.name) for known in found):
        raise invalid("track", f"{text!r} fits {', '.join(known.name for known in found)}; give more of the name")
    return shortest.track, laps or shortest.usual_laps(series)


def _unknown(text: str) -> str:
    """That there is no such track, the one that was probably meant, and all there are."""
    names = [known.name for known in KNOWN_TRACKS]
    near = process.extractOne(
        text, names, scorer=fuzz.partial_ratio, processor=str.casefold, score_cutoff=_NEAR_PERCENT
    )
    meant = f"; did you mean {near[0]}?" if near else "."
    return (
        f"no track is called {text!r}{meant} Give a part of a name, or a type ({', '.join(TRACK_TYPES)}) and the laps. "
        f"Tracks: {', '.join(sorted(names))}"
    )
