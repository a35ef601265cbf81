"""Options that describe contests, one on the command line or several in a file."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields, replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from pitwall.cli._common import plural
from pitwall.cli._ranges import within
from pitwall.config import Contest, PrizeShape
from pitwall.errors import Violation
from pitwall.problems import invalid, read_bytes, refuse, told_as

DEFAULT_MAX_ENTRIES = 150
DEFAULT_OPPONENTS = 5_000

_TABLE = "contest"

OpponentsOption = Annotated[
    int, typer.Option(help="Entries of others in the contest.", callback=within("opponents", 1))
]
PrizesOption = Annotated[
    Path | None, typer.Option(help="Prize table as text from the contest page: '1st $2,000', '4th - 5th $250.00'.")
]
InsightOption = Annotated[
    float | None,
    typer.Option(
        help="How much the field knows that you do not, from 0 (nothing). Default: 0.29, as real fields show.",
        callback=within("insight", 0, 0.9),
    ),
]


@dataclass(frozen=True)
class ContestOptions:
    """A contest as options tell it, by the names that they have in a file of contests too.

    ``entries`` counts one's own; 0 for what opponents and own entries add up to. ``prizes`` is a table as text;
    without it the table follows from the shape. ``place`` and ``prizes_place`` say where the contest and its prizes
    are described, for messages: empty where options do.
    """

    name: str = ""
    entries: int = 0
    fee: float = 5.0
    max_entries: int = DEFAULT_MAX_ENTRIES
    overlay: float = 0.0
    prizes: str = ""
    first_share: float = PrizeShape.first_share
    paid_share: float = PrizeShape.paid_share
    min_cash: float = PrizeShape.min_cash_multiple
    rake: float = PrizeShape.rake
    place: str = field(default="", compare=False)
    prizes_place: str = field(default="", compare=False)

    def contest(self, opponents: int, own_entries: int) -> Contest:
        """The contest with so many entries of others.

        Raises
        ------
        InvalidInputError
            If there are more own entries than the contest allows.
        """
        if own_entries > self.max_entries:
            allowed = f"the contest allows {plural(self.max_entries, 'entry', 'entries')} per user"
            raise invalid(self._of("max_entries"), f"{own_entries:,} lineups, but {allowed}; give fewer, or raise it")
        if 0 < self.entries < own_entries:
            raise invalid(self._of("entries"), f"{own_entries:,} lineups in a contest of {self.entries:,}; give fewer")
        shape = PrizeShape(self.first_share, self.paid_share, self.min_cash, self.rake)
        return Contest(
            n_entries=self.entries or opponents + own_entries,
            entry_fee_dollars=self.fee,
            prizes=self.prizes or shape,
            name=self.name,
            max_entries_per_user=self.max_entries,
            overlay_dollars=self.overlay,
        )

    def told(self) -> AbstractContextManager[None]:
        """Complaints of a service about this contest, told of the file or the option that describes it."""
        prizes = self.prizes_place or self._of("prizes")
        contest = r"contests?(\[[0-9]+\])?\."
        return told_as(
            {
                rf"{contest}(text|table)\.rows\[([0-9]+)\]": lambda found: f"{prizes}: prize {int(found[3]) + 1}",
                rf"{contest}(text|table|prizes)\b": prizes,
                rf"{contest}shape": self.place or "prizes",
                rf"{contest}n_entries": self._of("entries") if self.place else "--opponents",
                rf"{contest}entry_fee_cents": self._of("fee"),
                rf"{contest}max_entries_per_user": self._of("max_entries"),
                rf"{contest}overlay_cents": self._of("overlay"),
            }
        )

    def _of(self, key: str) -> str:
        """What a message calls a key of the contest."""
        return f"{self.place}: {key}" if self.place else f"--{key.replace('_', '-')}"


_CONTEST_OPTIONS: dict[str, Any] = {
    "fee": Annotated[float, typer.Option(help="Entry fee in dollars.", callback=within("fee", 0))],
    "first_share": Annotated[
        float,
        typer.Option(
            help="First prize as a share of the prize pool.", callback=within("first-share", 0, 1, above_low=True)
        ),
    ],
    "paid_share": Annotated[
        float,
        typer.Option(help="Share of the entries that are paid.", callback=within("paid-share", 0, 1, above_low=True)),
    ],
    "min_cash": Annotated[
        float, typer.Option(help="Least prize in entry fees.", callback=within("min-cash", 0, 1000, above_low=True))
    ],
    "rake": Annotated[
        float,
        typer.Option(help="Share of the fees that the site keeps.", callback=within("rake", 0, 1, below_high=True)),
    ],
    "overlay": Annotated[
        float,
        typer.Option(help="Dollars in prizes that the site adds beyond the fees.", callback=within("overlay", 0)),
    ],
    "max_entries": Annotated[
        int,
        typer.Option(
            help="Entries the contest allows per user: 1, 3, 20, 150 ...", callback=within("max-entries", 1, 100_000)
        ),
    ],
    "prizes": PrizesOption,
}


def with_contest_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for each thing that a contest is, in place of its parameter ``contest``."""

    @wraps(command)
    def told(*args: Any, **given: Any) -> None:
        stated = {name: given.pop(name) for name in _CONTEST_OPTIONS}
        prizes = stated["prizes"]
        read = {"prizes": prize_text(prizes), "prizes_place": str(prizes or "")}
        command(*args, contest=ContestOptions(**stated | read), **given)

    parameters = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if parameter.name == "contest":
            parameters += _contest_parameters(parameter.kind)
        else:
            parameters.append(parameter)
    told.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return told


def _contest_parameters(kind: Any) -> list[inspect.Parameter]:
    defaults = {name: getattr(ContestOptions, name) for name in _CONTEST_OPTIONS} | {"prizes": None}
    return [
        inspect.Parameter(name, kind, default=defaults[name], annotation=annotation)
        for name, annotation in _CONTEST_OPTIONS.items()
    ]


def prize_text(prizes: Path | None) -> str:
    """The prize table in a file; empty without one.

    Raises
    ------
    InvalidInputError
        If the file cannot be read as text, or holds none.
    """
    if prizes is None:
        return ""
    text = _text(prizes)
    if not text.strip():
        raise invalid(str(prizes), "holds no prizes; paste the prize table of the contest, or leave --prizes out")
    return text


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid(str(path), "is not text; save it as UTF-8") from error


def read_contests(path: Path, defaults: ContestOptions) -> list[ContestOptions]:
    """The contests of a file, ``[[contest]]`` after ``[[contest]]``; what one does not state is as in ``defaults``.

    Raises
    ------
    InvalidInputError
        Naming each contest and key that is not known or not of its type.
    """
    try:
        document = tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise invalid(str(path), f"cannot be read as TOML ({error})") from error
    tables = document.get(_TABLE)
    others = sorted(set(document) - {_TABLE})
    if not isinstance(tables, list) or not tables or others:
        found = f", not {others[0]!r}" if others else ""
        raise invalid(str(path), f"must hold tables [[{_TABLE}]]{found}; each states name, entries, fee and prizes")
    refuse([fault for number, table in enumerate(tables, 1) for fault in _faults(f"{path}: contest {number}", table)])
    return [_described(f"{path}: contest {number}", table, defaults) for number, table in enumerate(tables, 1)]


def _described(place: str, table: dict[str, Any], defaults: ContestOptions) -> ContestOptions:
    """A contest of a file. A shape that it states is not undone by a table among the defaults."""
    own = {"prizes_place": f"{place}: prizes"} if "prizes" in table else {}
    if not own and _SHAPE & set(table):
        own = {"prizes": "", "prizes_place": ""}
    return replace(defaults, place=place, **own | table)


_SHAPE = {"first_share", "paid_share", "min_cash", "rake"}
_KEYS: dict[str, type] = {item.name: type(item.default) for item in fields(ContestOptions) if item.compare}


def _faults(place: str, table: dict[str, Any]) -> list[Violation]:
    """What is wrong with a contest of a file."""
    faults = []
    for key, value in table.items():
        kind = _KEYS.get(key)
        allowed = (int, float) if kind is float else (kind,)
        if kind is None:
            faults.append(Violation(place, f"knows no {key!r}; there are {', '.join(_KEYS)}"))
        elif type(value) not in allowed:
            faults.append(Violation(place, f"{key} must be {kind.__name__}, not {value!r}"))
        elif key == "prizes" and not value.strip():
            faults.append(Violation(place, "prizes is empty; paste the table, or leave it out"))
    return faults
