"""The report of ``pitwall backtest scenarios`` as tables; the whole document is what ``--json`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pitwall.cli._common import output, print_table

_MODEL = "model"
_SCORES = {
    "spearman": "Spearman",
    "log_score": "log score over uniform",
    "crps": "CRPS of points",
    "energy": "energy score",
    "variogram": "variogram score",
}
_POOLED = ("overall", "without_superspeedways")
"""Groups that put track types together: their moments are those of no kind of race."""

_UNIFORM = "best lineup, p"

Groups = Mapping[str, Mapping[str, Any]]


def print_backtest(report: Mapping[str, Any]) -> None:
    """All tables, from how good the forecasts are to where the simulation differs from racing."""
    groups: Groups = report["groups"]
    _print_overview(f"Walk-forward, seasons {', '.join(map(str, report['seasons']))}", groups)
    _print_forecasts(groups)
    _print_calibration(groups)
    _print_scatter(groups)
    _print_reliability(groups["overall"]["reliability"])
    for name, group in groups.items():
        if name not in _POOLED:
            _print_moments(name, group)


def _figure(entry: Mapping[str, float] | None) -> str:
    return "-" if entry is None else f"{entry['mean']:.3f} +- {entry['se']:.3f}"


def _of_true_models(counts: Mapping[str, float]) -> str:
    return f"{counts['average']:.1f}, {counts['at_least']:.0f} or more, all in {counts['all']:.1%}"


def _print_overview(title: str, groups: Groups) -> None:
    rows = [
        (
            name,
            str(group["races"]),
            _figure(group["spearman"].get(_MODEL)),
            _figure(group["log_score"].get(_MODEL)),
            _figure(group["crps_skill"]),
            group["crps_skill"]["best_baseline"] if group["crps_skill"] else "-",
            _figure(group["hindsight_pit"]),
            f"{sum(moment['agrees'] for moment in group['moments'])} of {len(group['moments'])}",
            _of_true_models(group["moments_if_true"]),
        )
        for name, group in groups.items()
    ]
    columns = (
        "races of",
        "n",
        "Spearman",
        "log score",
        "CRPS skill",
        "best baseline",
        "best lineup at",
        "moments agree",
        "were the model true",
    )
    print_table(title, columns, rows, narrow=("races of", "n", "Spearman", "CRPS skill"))
    output.print("log score: nats a race over uniform; CRPS skill: share below that of the best baseline", markup=False)
    output.print(
        "best lineup at: quantile of the real best-in-hindsight lineup in its simulated distribution; 0.5 is right"
    )
    output.print(
        "were the model true: how many moments would agree by the same test, on average and 19 times in 20, and how "
        "often all would"
    )


def _print_forecasts(groups: Groups) -> None:
    """The model beside its baselines: Spearman and log score are better high, the others low."""
    rows = []
    for name, group in groups.items():
        known = {forecast for score in _SCORES for forecast in group[score]}
        rows += [
            (name, forecast, *(_figure(group[score].get(forecast)) for score in _SCORES))
            for forecast in sorted(known, key=lambda forecast: (forecast != _MODEL, forecast))
        ]
    columns = ("races of", "forecast", *_SCORES.values())
    print_table(
        "Against the baselines: Spearman and log score better high, the others better low",
        columns,
        rows,
        narrow=("races of", "forecast", "Spearman", "CRPS of points"),
    )


def _print_calibration(groups: Groups) -> None:
    rows = [
        (
            name,
            *(_figure(group["coverage"][level]) for level in ("0.5", "0.8", "0.95")),
            _shares(group["pit_histogram"]),
            _teammates(group["teammate_correlation"]),
        )
        for name, group in groups.items()
    ]
    columns = (
        "races of",
        "50 % holds",
        "80 % holds",
        "95 % holds",
        "PIT, % in each tenth",
        "teammates: real, simulated",
    )
    title = "Points: what their intervals hold, their PIT, the correlation of teammates"
    print_table(title, columns, rows, narrow=columns[:4])


def _print_scatter(groups: Groups) -> None:
    about = list(next(iter(groups.values()))["scatter"])
    rows = [
        (name, *(_figure(group["scatter"][what]) for what in about), _chance(group["hindsight_ks_p"]))
        for name, group in groups.items()
    ]
    title = "Squared distance of races from what was expected, in simulated variances: 1 is right, more is more scatter"
    print_table(title, ("races of", *about, _UNIFORM), rows, narrow=("races of", *about))
    output.print(f"{_UNIFORM}: of the Kolmogorov-Smirnov test that places of the best lineup in hindsight are uniform")


def _chance(p: float | None) -> str:
    return "-" if p is None else f"{p:.2f}"


def _shares(counts: Sequence[int]) -> str:
    return " ".join(f"{100 * count / sum(counts):.0f}" for count in counts) if sum(counts) else "-"


def _teammates(entry: Mapping[str, float] | None) -> str:
    return "-" if entry is None else f"{entry['real']:.3f} +- {entry['real_se']:.3f}, {entry['simulated']:.3f}"


def _print_reliability(events: Mapping[str, Mapping[str, Any]]) -> None:
    rows = [
        (event, 100.0 * chance, 100.0 * share, int(count))
        for event, table in events.items()
        for chance, share, count in zip(table["forecast"], table["observed"], table["counts"], strict=True)
    ]
    print_table("Reliability, all races", ("event", "forecast %", "happened %", "cases"), rows)


def _print_moments(name: str, group: Mapping[str, Any]) -> None:
    rows = [
        (
            moment["name"],
            f"{moment['real']:.3g}",
            f"{moment['low']:.3g} to {moment['high']:.3g}",
            f"{moment['simulated']:.3g}",
            "agrees" if moment["agrees"] else "differs",
        )
        for moment in group["moments"]
    ]
    columns = ("moment", "real", "its 95 % interval", "simulated", "verdict")
    print_table(f"Moments of {group['races']} races: {name}", columns, rows)
