"""Fields, contests and the payout of every legal lineup, against numpy doing the same.

Every figure stands beside the time numpy takes for the same arithmetic on a part of it in the same run,
so that the ratio means something on a busy machine; compilation is done before the clock starts.
"""

import resource
import time

import numpy as np

from services.common.universe import enumerate_lineups
from services.contest_sim.core.comparison import plain_choices
from services.contest_sim.core.contest import Contest, Entries
from services.contest_sim.core.entrants import ONE_ENTRY_EACH, Entrants
from services.contest_sim.core.field import Field, fit_field
from services.contest_sim.core.field_parameters import INSIGHT, Prices, default_parameters
from services.contest_sim.core.field_plan import Drawn, ModelPlan
from services.contest_sim.core.gain_tiles import build_gain_tiles
from services.contest_sim.core.opponents import Opponents
from services.contest_sim.core.ownership_draw import draw_surprise
from services.contest_sim.core.play import play_contests
from services.contest_sim.core.prize_shape import PrizeShape, shape_prizes
from services.contest_sim.core.selection_rules import SelectionRules

N_DRIVERS, CAP, N_SCENARIOS, N_OWN = 38, 50_000, 10_000, 150
N_COMPARED = 40
"""Scenarios that numpy ranks for comparison."""


class Took(float):
    """Seconds by the clock on the wall; shown with those of all cores, which a busy machine distorts less."""

    def __new__(cls, wall, cpu):
        took = super().__new__(cls, wall)
        took.cpu = cpu
        return took

    def __str__(self):
        return f"{float(self):.2f} s (cores {self.cpu:.2f} s)"


def clock(work):
    """Result of ``work()`` and what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, Took(time.perf_counter() - wall, time.process_time() - cpu)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def slate(rng):
    """Salaries with some 2.7 million legal lineups, ownership that spends most of the cap, and scores in ticks."""
    salaries = (np.round(np.linspace(9_700, 4_700, N_DRIVERS), -2) + 100 * rng.integers(-2, 3, N_DRIVERS)).astype(int)
    weights = np.exp(rng.normal(0.0, 0.7, N_DRIVERS) + (salaries - salaries.mean()) / 9_000)
    shares = np.minimum(6 * weights / weights.sum(), 0.6)
    mean = 20.0 + 30.0 * (salaries - 4_700) / 5_000
    ticks = np.round(20 * rng.normal(mean, 18.0, (2 * N_SCENARIOS, N_DRIVERS))).astype(np.int16)
    return salaries.astype(np.int64), 6 * shares / shares.sum(), ticks


def numpy_contest(ticks, opponents: Opponents, own, cumulative):
    """The same prizes by gathering all scores, sorting them and looking up each own score."""
    lineups = np.repeat(opponents.lineups, opponents.copies, axis=0).astype(int)
    total = 0.0
    for row in ticks:
        scores = np.sort(np.concatenate([row[lineups].sum(axis=1), row[own.astype(int)].sum(axis=1)]))
        mine = row[own.astype(int)].sum(axis=1)
        above = len(scores) - np.searchsorted(scores, mine, side="right")
        through = len(scores) - np.searchsorted(scores, mine, side="left")
        total += ((cumulative[through] - cumulative[above]) / (through - above)).sum()
    return total / len(ticks)


def sweeps(space, target, n_sweeps):
    """The usual fit: every driver's log-odds moved by the miss of his ownership, pass after pass."""
    theta = np.log(target / (1 - target))
    for _ in range(n_sweeps):
        _, shares, _ = space.moments(theta)
        theta += np.log(target / (1 - target)) - np.log(shares / (1 - shares))
    return float(np.abs(shares - target).max())


def bench_field(universe, prices, shares) -> Field:
    def fit(entrants):
        return fit_field(universe, prices, shares, default_parameters(2_000), entrants=entrants)

    fit(Entrants(150))
    field, seconds = clock(lambda: fit(Entrants(150)))
    error = 100 * np.abs(field.shares - field.target_shares).max()
    print(f"fit over {universe.n_lineups:,} lineups: {seconds} (limit 3), worst ownership {error:.4f} points off")
    plain, newton = clock(lambda: fit(ONE_ENTRY_EACH))
    off, swept = clock(lambda: sweeps(plain.space, plain.target_shares, 40))
    error = 100 * np.abs(plain.shares - plain.target_shares).max()
    print(
        f"  without users, Newton {newton} to {error:.5f} points; "
        f"40 sweeps of log-odds {swept} to {100 * off:.3f} points; ratio {swept / newton:.1f}"
    )
    surprise = draw_surprise(shares, 40.0, np.random.default_rng(1).random(N_DRIVERS))
    field.surprised(surprise)
    _, again = clock(lambda: field.surprised(surprise))
    field.sample(1_000, np.random.default_rng(0))
    _, sampled = clock(lambda: field.sample(100_000, np.random.default_rng(1)))
    print(f"redrawn ownership {again}; 100,000 entries drawn in {sampled} (limit 1)")
    return field


def bench_contest(field: Field, ticks, n_opponents: int, limit: float) -> None:
    rng = np.random.default_rng(5)
    rows = rng.choice(field.universe.n_lineups, N_OWN, replace=False)
    own = Entries(np.ascontiguousarray(field.universe.lineups[rows]), np.ones(N_OWN, dtype=np.int64))
    n_entries = n_opponents + N_OWN
    contest = Contest(n_entries, 2_000, shape_prizes(PrizeShape(), n_entries, 2_000))
    fields = [field.sample(n_opponents, np.random.default_rng(i)) for i in range(10)]

    def play(scenarios):
        return play_contests(scenarios, [contest], own, lambda i: [Drawn(fields[i])], n_fields=10)[0]

    play(ticks[:160])
    _, half = clock(lambda: play(ticks[: len(ticks) // 2]))
    before = peak_mib()
    outcome, seconds = clock(lambda: play(ticks))
    grown = peak_mib() - before
    cumulative = contest.prizes.cumulative_cents(n_entries)
    _, slow = clock(lambda: numpy_contest(ticks[:N_COMPARED], fields[0], own.lineups, cumulative))
    ratio = slow / N_COMPARED * len(ticks) / seconds
    print(
        f"{N_OWN} entries against {n_opponents:,} opponents x {len(ticks):,} scenarios: {seconds} (limit {limit} s), "
        f"{ratio:.0f} x numpy's sorting; half the scenarios {half}, memory for the other half {grown:.0f} MiB"
    )
    plan = ModelPlan([field], [n_opponents], [40.0], 1, insight=INSIGHT)

    def play_anew():
        return play_contests(ticks, [contest], own, plan.draw, n_fields=40, dealing=plan.deal(ticks, 40))

    _, redrawn = clock(play_anew)
    print(f"  with 40 fields drawn anew and races dealt {redrawn}; prizes {outcome.portfolio.mean() / 100:.0f} $")


def bench_payouts(field: Field, ticks) -> None:
    n_entries = 40_000
    contest = Contest(n_entries, 2_000, shape_prizes(PrizeShape(), n_entries, 2_000))
    fields = [field.sample(n_entries - 1, np.random.default_rng(i)) for i in range(10)]
    tiles, counted = clock(
        lambda: build_gain_tiles(
            ticks, contest, lambda i: [Drawn(fields[i])], n_own=1, n_fields=10, roster_size=field.universe.roster_size
        )
    )
    lineups = field.universe.lineups
    tiles.values(lineups[:50_000])
    payouts, seconds = clock(lambda: tiles.values(lineups))
    sample = lineups[:: len(lineups) // 20_000].astype(int)
    tile = tiles.tiles[0]

    def by_numpy():
        return [
            tile.gains[lane][np.maximum(0, tile.columns[:, lane][sample].sum(axis=1) - tile.offsets[lane])].sum()
            for lane in range(tile.n_lanes)
        ]

    _, slow = clock(by_numpy)
    ratio = slow / (len(sample) * tile.n_lanes) * len(lineups) * len(ticks) / seconds
    print(
        f"payouts of {len(lineups):,} lineups x {len(ticks):,} scenarios: {seconds} and tables {counted} "
        f"(limit 45 s), {ratio:.0f} x numpy's gathering; best {payouts.max() / 2_000:.2f} fees"
    )
    plain_choices(tiles, lineups[:1_000], payouts[:1_000], SelectionRules(1), n_drivers=N_DRIVERS)
    _, compared = clock(lambda: plain_choices(tiles, lineups, payouts, SelectionRules(N_OWN), n_drivers=N_DRIVERS))
    print(f"  the {N_OWN} best single returns and best tails among them {compared} (limit: the payouts)")


def run() -> None:
    salaries, shares, ticks = slate(np.random.default_rng(7))
    universe = enumerate_lineups(salaries, 6, CAP)
    field = bench_field(universe, Prices(salaries, CAP), shares)
    bench_contest(field, ticks[:N_SCENARIOS], 40_000, 1.5)
    print(f"  memory of the process so far {peak_mib():.0f} MiB (limit 500)")
    bench_contest(field, ticks, 107_000, 10)
    bench_payouts(field, ticks[:N_SCENARIOS])
    print(f"memory of the process {peak_mib():.0f} MiB")
