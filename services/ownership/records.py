"""Records of what a field did: what they hold, how they are kept, and which ones cannot stand together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from services.common.domain.errors import InvalidInput
from services.ownership.core.slate import SLATE_ARRAYS, Contest, PlayedSlate, Slate

_SAME_RACE = 0.5
"""Share of drivers that two records of a race have in common at least; site ids change from race to race."""
_SHARE_DECIMALS = 6


@dataclass(frozen=True, eq=False)
class StoredRecord:
    """Actual ownership of one contest with all that was known of the slate when it was recorded."""

    record_id: str
    contest_id: str
    created_at: float
    driver_ids: tuple[str, ...]
    played: PlayedSlate

    @property
    def race_id(self) -> str:
        """The race."""
        return self.played.slate.race_id

    def is_of(self, driver_ids: Sequence[str]) -> bool:
        """Whether a race of these drivers can be the recorded one: an id such as ``race`` may be used every week."""
        shared = len(set(self.driver_ids) & set(driver_ids))
        return shared >= _SAME_RACE * min(len(self.driver_ids), len(driver_ids))

    @property
    def picks(self) -> str:
        """Hash of who was picked by what share: no two races have the same."""
        shares = np.round(self.played.shares, _SHARE_DECIMALS).tolist()
        drivers = zip(self.played.slate.driver_keys, shares, strict=True)
        picked = [(key, f"{share:.{_SHARE_DECIMALS}f}") for key, share in drivers if share > 0]
        return hashlib.sha256(json.dumps(sorted(picked)).encode()).hexdigest()


def record_id(race_id: str, contest_id: str) -> str:
    """Id of the record of a contest: recording it again replaces it."""
    return hashlib.sha256(f"{race_id}\n{contest_id}".encode()).hexdigest()[:16]


def refuse_conflicts(new: StoredRecord, others: Sequence[StoredRecord], *, source: str) -> None:
    """Raise `InvalidInput` when a record cannot stand beside one of its race, contest or picks; names that one."""
    for other in others:
        if other.race_id == new.race_id:
            _refuse_reused_race_id(new, other)
            _refuse_contest_named_twice(new, other, source=source)
        elif other.contest_id == new.contest_id:
            raise InvalidInput.field(
                "contest_id",
                f"contest {new.contest_id!r} is recorded for race {other.race_id!r}; a contest belongs to one race: "
                "check the race, name this contest otherwise, or delete that record first",
            )
        elif other.picks == new.picks:
            raise InvalidInput.field(
                source,
                f"the same ownership is recorded as contest {other.contest_id!r} of race {other.race_id!r}; "
                "check what was sent and the race, or delete that record first",
            )


def _refuse_reused_race_id(new: StoredRecord, other: StoredRecord) -> None:
    if not other.is_of(new.driver_ids):
        raise InvalidInput.field(
            "race_id",
            f"race {new.race_id!r} has records of other drivers (contest {other.contest_id!r}), so its id was used for "
            "two races; import each race under an id of its own, or delete that record first",
        )


def _refuse_contest_named_twice(new: StoredRecord, other: StoredRecord, *, source: str) -> None:
    if other.picks == new.picks:
        raise InvalidInput.field(
            source,
            f"the same ownership is recorded for race {other.race_id!r} as contest {other.contest_id!r}; under another "
            f"name it would count twice: record it as {other.contest_id!r} to replace it, or delete that record first",
        )


def _plain(values: np.ndarray[Any, Any]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _array(values: list[float | None]) -> np.ndarray[Any, Any]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def record_body(record: StoredRecord) -> str:
    """All that no column holds, as JSON; `record_from_body` takes it back."""
    slate = record.played.slate
    known = {name: _plain(getattr(slate, name)) for name in SLATE_ARRAYS}
    body = known | {
        "driver_ids": record.driver_ids,
        "driver_keys": slate.driver_keys,
        "roster_size": slate.roster_size,
        "salary_cap_dollars": slate.salary_cap_dollars,
        "track_type": slate.track_type,
        "day": slate.day,
        "contest": asdict(slate.contest),
        "shares": _plain(record.played.shares),
        "points": _plain(record.played.points),
    }
    return json.dumps(body)


def record_from_body(race_id: str, contest_id: str, created_at: float, text: str) -> StoredRecord:
    """The record whose columns and `record_body` these are."""
    body = json.loads(text)
    slate = Slate(
        race_id=race_id,
        driver_keys=tuple(body["driver_keys"]),
        roster_size=body["roster_size"],
        salary_cap_dollars=body["salary_cap_dollars"],
        track_type=body["track_type"],
        day=body["day"],
        contest=Contest(**body["contest"]),
        **{name: _array(body[name]) for name in SLATE_ARRAYS},
    )
    played = PlayedSlate(slate, _array(body["shares"]), _array(body["points"]))
    return StoredRecord(record_id(race_id, contest_id), contest_id, created_at, tuple(body["driver_ids"]), played)


def moved_to(day: float, text: str) -> str:
    """A `record_body` of the same contest on another day."""
    return json.dumps(json.loads(text) | {"day": day})
