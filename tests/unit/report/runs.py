"""A stored run made up without services."""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

from pitwall.config import Contest, Group, PortfolioConfig, PrizeShape
from pitwall.job import JobConfig
from pitwall.types.race import Driver, Race, Rules, Track
from tests.unit.report.sample import N_DRIVERS, report

PRIZES = [
    {"first_place": 1, "last_place": 1, "prize_cents": 10_000},
    {"first_place": 2, "last_place": 2, "prize_cents": 4_000},
    {"first_place": 3, "last_place": 4, "prize_cents": 1_000},
]


def race():
    drivers = tuple(Driver(str(number), f"Driver {number}", 5_000 + 500 * number) for number in range(N_DRIVERS))
    return Race("r", Track("short"), 100, drivers, Rules("draftkings", 6, 50_000))


def job_config(**changes):
    config = JobConfig(
        race_id="r",
        salaries=Path("salaries.csv"),
        race_sheet=None,
        track=Track("short"),
        laps=100,
        contest=Contest(6, 5.0, PrizeShape(first_share=0.3)),
        portfolio=PortfolioConfig(
            n_lineups=5,
            cvar_weights={0.99: 0.7, 0.95: 0.3},
            driver_exposures={"1": (0.1, 0.5)},
            groups=(Group(("1", "2"), max=1, name="not both"),),
            stack=(2, 3),
        ),
    )
    return dataclasses.replace(config, **changes)


def stored_document(config):
    from pitwall.runs import _CONFIG, _RACE

    return {
        "run_id": "20260201-120000-0123abcd",
        "create_time": datetime(2026, 2, 1, 12, tzinfo=UTC).isoformat(),
        "config": json.loads(_CONFIG.dump_json(config)),
        "race": json.loads(_RACE.dump_json(race())),
        "inputs": [{"role": "salaries", "name": "salaries.csv", "sha256": "00"}],
        "lineups_sha256": "11",
        "result": {
            "lineups": [],
            "versions": {"pitwall": "1"},
            "contest": {"prizes": {"rows": PRIZES}, "result": {"profit_cents": {"value": 120.0}}},
        },
    }


def named_report():
    """The sample report with names that the race has."""
    data = report()
    return dataclasses.replace(
        data, drivers=tuple(dataclasses.replace(row, name=f"Driver {row.driver_id}") for row in data.drivers)
    )


def store_run(data_dir, config=None) -> str:
    """Write a run as the store lays it out; returns its id."""
    document = stored_document(config or job_config())
    folder = data_dir / "runs" / document["run_id"]
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(document))
    (folder / "report.json").write_text(json.dumps(dataclasses.asdict(named_report())))
    (folder / "salaries.csv").write_text("x")
    return document["run_id"]
