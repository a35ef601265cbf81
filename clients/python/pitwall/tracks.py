"""The tracks of the championships: type, length and the usual distance, so that a name is enough.

Lengths and distances: NASCAR race results 2017-2023 and the 2023 schedule. Types: superspeedway = Daytona
and Talladega ovals and Atlanta since 2022; short = ovals up to 1.06 miles; road = road and street courses;
dirt; intermediate = all other ovals.
"""

from __future__ import annotations

from dataclasses import dataclass

from rapidfuzz import fuzz, process

from pitwall.errors import InvalidInputError, Violation
from pitwall.types.race import Track

_NEAR_PERCENT = 60
"""Likeness from which a name is suggested."""

TRACK_TYPES = ("superspeedway", "intermediate", "short", "road", "dirt")


@dataclass(frozen=True)
class KnownTrack:
    """A track and the laps that Cup races there usually have."""

    name: str
    type: str
    length_miles: float
    usual_laps: int

    @property
    def track(self) -> Track:
        """As the contract has it."""
        return Track(self.type, self.name, self.length_miles)


KNOWN_TRACKS = (
    KnownTrack("Atlanta Motor Speedway", "superspeedway", 1.54, 260),
    KnownTrack("Daytona International Speedway", "superspeedway", 2.5, 200),
    KnownTrack("Talladega Superspeedway", "superspeedway", 2.66, 188),
    KnownTrack("Auto Club Speedway", "intermediate", 2.0, 200),
    KnownTrack("Charlotte Motor Speedway", "intermediate", 1.5, 400),
    KnownTrack("Chicagoland Speedway", "intermediate", 1.5, 267),
    KnownTrack("Darlington Raceway", "intermediate", 1.366, 367),
    KnownTrack("Homestead-Miami Speedway", "intermediate", 1.5, 267),
    KnownTrack("Indianapolis Motor Speedway", "intermediate", 2.5, 160),
    KnownTrack("Kansas Speedway", "intermediate", 1.5, 267),
    KnownTrack("Kentucky Speedway", "intermediate", 1.5, 267),
    KnownTrack("Las Vegas Motor Speedway", "intermediate", 1.5, 267),
    KnownTrack("Michigan International Speedway", "intermediate", 2.0, 200),
    KnownTrack("Nashville Superspeedway", "intermediate", 1.333, 300),
    KnownTrack("Pocono Raceway", "intermediate", 2.5, 160),
    KnownTrack("Texas Motor Speedway", "intermediate", 1.5, 267),
    KnownTrack("World Wide Technology Raceway at Gateway", "intermediate", 1.25, 240),
    KnownTrack("Bristol Motor Speedway", "short", 0.533, 500),
    KnownTrack("Dover International Speedway", "short", 1.0, 400),
    KnownTrack("Martinsville Speedway", "short", 0.526, 400),
    KnownTrack("New Hampshire Motor Speedway", "short", 1.058, 301),
    KnownTrack("Phoenix Raceway", "short", 1.0, 312),
    KnownTrack("Richmond Raceway", "short", 0.75, 400),
    KnownTrack("Charlotte Motor Speedway Road Course", "road", 2.28, 109),
    KnownTrack("Chicago Street Course", "road", 2.14, 100),
    KnownTrack("Circuit of the Americas", "road", 3.41, 68),
    KnownTrack("Daytona International Speedway Road Course", "road", 3.61, 65),
    KnownTrack("Indianapolis Motor Speedway Road Course", "road", 2.439, 82),
    KnownTrack("Road America", "road", 4.048, 62),
    KnownTrack("Sonoma Raceway", "road", 1.99, 110),
    KnownTrack("Watkins Glen International", "road", 2.45, 90),
    KnownTrack("Bristol Motor Speedway Dirt Track", "dirt", 0.533, 250),
)


def find_track(text: str, laps: int = 0) -> tuple[Track, int]:
    """A track and its laps from a type ("short") or a part of a name ("phoenix").

    Where a name fits an oval and its road course, the shorter name wins. ``laps`` overrides the usual
    distance and is needed with a bare type.

    Raises
    ------
    InvalidInputError
        If nothing or too much fits, or laps are missing.
    """
    wanted = text.strip().lower()
    if wanted in TRACK_TYPES:
        if not laps:
            raise _invalid("laps", "say how many laps are scheduled, for example --laps 312")
        return Track(wanted), laps
    found = [known for known in KNOWN_TRACKS if wanted and wanted in known.name.lower()]
    if not found:
        raise _invalid("track", _unknown(text))
    shortest = min(found, key=lambda known: len(known.name))
    if not all(known.name.startswith(shortest.name) for known in found):
        raise _invalid("track", f"{text!r} fits {', '.join(known.name for known in found)}; give more of the name")
    return shortest.track, laps or shortest.usual_laps


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


def _invalid(field: str, problem: str) -> InvalidInputError:
    return InvalidInputError(f"{field}: {problem}", violations=[Violation(field, problem)])
