"""What a job found out, as files: the lineups for upload, and ``result.json`` with everything behind them."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pitwall.files import to_json, write_atomically
from pitwall.job import JobResult
from pitwall.sitefiles import lineup_file
from pitwall.types.contests import EntrySelection

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_WAY = ("method", "lineups_covered")
"""What a certificate says of the way to it: another one where a table of the lineups is already there."""


def result_document(result: JobResult) -> dict[str, Any]:
    """What ``result.json`` holds: lineups, portfolio, contest, and all it takes to repeat the job.

    It says nothing of the work, which differs with the clock and with what is cached, but for the way in which proofs
    were found: see ``same_findings`` and ``timings_document``.
    """
    return {
        "lineups": _lineup_rows(result),
        "portfolio": _without(result.portfolio.summary, "timings_seconds"),
        "pool": _without(result.pool.summary, "timings_seconds") if result.pool is not None else None,
        "selection": _selection_facts(result.selection),
        "contest": _contest_facts(result),
        "ownership": [
            {"driver": result.race.names_by_id[driver.driver_id], "percent": driver.percent}
            for driver in result.ownership.drivers
        ],
        "import_report": _without(result.import_report, "replaced"),  # which is about what was there before
        "versions": _versions(result),
        "seeds": {
            "scenarios": result.config.seed,
            "lineups": result.config.seed,
            "contest_scenarios": result.config.contest_seed,
            "contest": result.simulation.seed,
        }
        | ({"selection_scenarios": result.config.selection_seed} if result.selection else {}),
        "hashes": _hashes(result),
    }


def same_findings(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two documents of ``result_document``, as read from JSON, say the same, by whichever way it was proven."""
    return _findings(one) == _findings(other)


def _findings(document: Mapping[str, Any]) -> dict[str, Any]:
    lineups = []
    for row in document["lineups"]:
        certificate = {name: value for name, value in row["certificate"].items() if name not in _WAY}
        lineups.append({**row, "certificate": certificate})
    return {**document, "lineups": lineups}


def timings_document(result: JobResult) -> dict[str, Any]:
    """What a job took, in seconds: each stage, and the stages and lineups within the building of the portfolio."""
    return {
        "stages": result.timings_seconds,
        "portfolio": result.built.summary.timings_seconds,
        "lineups": [item.certificate.solve_seconds for item in result.built.lineups],
    }


def _without(record: DataclassInstance, *names: str) -> dict[str, Any]:
    """The fields of a record but some."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record) if field.name not in names}


def _contest_facts(result: JobResult) -> dict[str, Any]:
    return {
        "result": result.contest.portfolio,
        "prizes": result.contest.prizes,
        "rake": round(result.contest.rake, 6),
        "entries": result.config.contest.n_entries,
        "entry_fee_dollars": result.config.contest.entry_fee_dollars,
        "field": result.simulation.field,
        "n_scenarios": result.simulation.n_scenarios,
        "n_fields": result.simulation.n_fields,
    }


def _versions(result: JobResult) -> dict[str, str]:
    recipe = result.scenario_set.recipe
    return {
        "pitwall": importlib.metadata.version("pitwall"),
        "race_model": recipe.model_version if recipe else "",
        "calibration": recipe.calibration_version if recipe else "",
        "ownership_model": result.ownership.model_version,
    }


def _hashes(result: JobResult) -> dict[str, str]:
    return {
        "race": result.race.snapshot_hash,
        "scenario_set": result.scenario_set.scenario_set_id,
        "scenario_content": result.scenario_set.content_hash,
        "contest_scenario_set": result.contest_scenario_set.scenario_set_id,
        "contest_scenario_content": result.contest_scenario_set.content_hash,
        "ownership": result.ownership.projection_id,
        "portfolio": result.portfolio.summary.portfolio_id,
    }


def _selection_facts(selection: EntrySelection | None) -> dict[str, Any] | None:
    if selection is None:
        return None
    return {
        "profit_cents": selection.profit_cents,
        "upper_bound_cents": selection.upper_bound_cents,
        "fresh_profit_cents": selection.fresh_profit_cents,
        "comparisons": selection.comparisons,
        "warnings": selection.warnings,
    }


def _lineup_rows(result: JobResult) -> list[dict[str, Any]]:
    rows = []
    for item, played in zip(result.portfolio.lineups, result.contest.lineups, strict=True):
        certificate, metrics = item.certificate, item.metrics
        rows.append(
            {
                "drivers": [result.race.names_by_id[driver_id] for driver_id in item.driver_ids],
                "driver_ids": list(item.driver_ids),
                "salary": metrics.salary_dollars,
                "objective": certificate.objective,
                "upper_bound": certificate.upper_bound,
                "proven_optimal": certificate.proven_optimal,
                "cvar_99": metrics.cvar(0.99),
                "mean": metrics.mean_points,
                "ownership_total": metrics.ownership_total_percent,
                "roi": played.roi.value,
                "roi_standard_error": played.roi.standard_error,
                "win_rate": played.win_rate,
                "win_rate_standard_error": played.win_rate_standard_error,
                "cash_rate": played.cash_rate,
                "cash_rate_standard_error": played.cash_rate_standard_error,
                "expected_duplicates": played.expected_duplicates,
                "certificate": _without(certificate, "solve_seconds", "lineups_evaluated"),
            }
        )
    return rows


def result_bytes(result: JobResult) -> bytes:
    """The bytes of ``result.json``."""
    return (to_json(result_document(result)) + "\n").encode()


def write_outputs(result: JobResult, folder: Path, layout: str = "") -> tuple[Path, Path]:
    """Write ``lineups.csv``, ready to upload, and ``result.json``; returns their paths.

    Another layout than the site's (see ``pitwall.sitefiles.lineup_file``) gives the file its own ending.
    """
    suffix = layout if layout in ("json", "parquet") else "csv"
    lineups_path, result_path = folder / f"lineups.{suffix}", folder / "result.json"
    csv_bytes = lineup_file(result.race, [item.driver_ids for item in result.portfolio.lineups], layout)
    write_atomically(lineups_path, csv_bytes)
    write_atomically(result_path, result_bytes(result))
    return lineups_path, result_path
