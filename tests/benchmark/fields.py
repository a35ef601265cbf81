"""The field model against complete real fields (DraftKings MMA), from their true ownership and salaries alone.

Parameters are fitted on other events. No NASCAR field is public; these have the same roster form.
"""

import os
from pathlib import Path

import numpy as np

from tests.conftest import REPOSITORY
from tests.unit.contest_sim.field_fit import left_out_weights
from tests.unit.contest_sim.prediction import Prediction, predict
from tests.unit.contest_sim.real_fields import RealField, fit_terms, load_fields

USERS = ((1, 5), (6, 59), (60, 150))
"""Fewest and most entries of the users that are told apart."""


def print_bouts(fields: list[RealField]) -> None:
    """How far the pairs that the salaries tell are those that the file states."""
    for field in fields:
        agreement = [float((opponents == field.stated_opponents).mean()) for opponents in field.bouts]
        likely = np.round(agreement, 2).tolist()
        print(f"  {field.contest_id:40s} pairings possible {len(agreement)}, right in {likely} of their picks")


def print_prediction(prediction: Prediction) -> None:
    unique, top = prediction.unique_share, prediction.top_copies
    entries, repeated = prediction.lead_over_entries, prediction.lead_over_repeated
    field = prediction.field
    print(
        f"  {field.contest_id:40s}{field.n_entries:6d}"
        f"{100 * unique.real:8.1f}{100 * unique.predicted:7.1f}{100 * unique.deviation:6.1f}{unique.z:6.1f}"
        f"{top.real:8.0f}{top.predicted:7.0f}{top.deviation:5.0f}{prediction.salary_miss:8.0f}"
        f"{entries.value:8.2f} +-{entries.error:5.2f}{repeated.value:7.2f} +-{repeated.error:5.2f}"
    )


def print_users(prediction: Prediction) -> None:
    """Who plays the popular lineups: users with few entries or with many."""
    for fewest, most in USERS:
        share = prediction.on_popular(fewest, most)
        print(
            f"  {prediction.field.contest_id:40s}{fewest:4d}-{most:3d}"
            f"{100 * share.real:8.1f}+-{100 * share.deviation:4.1f}{100 * share.predicted:7.1f}"
        )


def run() -> None:
    folder = Path(os.environ.get("PITWALL_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        print(f"skipped, no data at {folder}; set PITWALL_SHARED_DATA")
        return
    fields = load_fields(folder)
    print_bouts(fields)
    fitted = {field.contest_id: fit_terms(field) for field in fields}
    print(f"  {'':40s}      unique %                       20 most copied  salary $  lead in rank correlation over")
    print(
        f"  {'':40s}entries  real  model  +-SE     z    real  model +-SE   off       entries          repeated lineups"
    )
    predictions = [predict(field, left_out_weights(fields, fitted, field)) for field in fields]
    for prediction in predictions:
        print_prediction(prediction)
    print(f"  {'':40s}entries   % on popular lineups")
    print(f"  {'':40s}of user      real       model")
    for prediction in predictions:
        if not prediction.field.high_stakes:
            print_users(prediction)
