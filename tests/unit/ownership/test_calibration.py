import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from services.ownership.core.calibration import Batch, logit, shares_from_logits

logits = hnp.arrays(np.float64, st.integers(7, 45), elements=st.floats(-60, 60))


@given(logits, st.floats(0.05, 6.0))
@settings(deadline=None)
def test_shares_sum_to_the_total_and_lie_inside_0_and_1(eta, total):
    shares = shares_from_logits(eta, total)
    assert abs(shares.sum() - total) < 1e-11
    assert (shares > 0).all()
    assert (shares < 1).all()


@given(hnp.arrays(np.float64, 20, elements=st.floats(-4, 4)), st.floats(-50, 50))
@settings(deadline=None)
def test_only_differences_of_logits_count_and_order_is_kept(eta, shift):
    shares = shares_from_logits(eta, 6.0)
    np.testing.assert_allclose(shares_from_logits(eta + shift, 6.0), shares, atol=1e-10)
    assert (np.diff(shares[np.argsort(eta, kind="stable")]) >= -1e-15).all()


@given(hnp.arrays(np.float64, 12, elements=st.floats(0.01, 0.99)))
@settings(max_examples=50, deadline=None)
def test_logits_of_shares_give_the_shares_back(shares):
    np.testing.assert_allclose(shares_from_logits(logit(shares), shares.sum()), shares, atol=1e-9)


def test_a_batch_is_its_slates_one_by_one(rng):
    rows = [rng.normal(size=n) for n in (8, 30, 17)]
    batch = Batch.of([8, 30, 17], [2.0, 6.0, 5.0])
    together = batch.shares(batch.stack(rows))
    for row, total, found in zip(rows, (2.0, 6.0, 5.0), together, strict=True):
        np.testing.assert_allclose(found[: len(row)], shares_from_logits(row, total), atol=1e-12)
        assert not found[len(row) :].any()
