"""Errors on their way through a service: to the wire, from a peer, and on to the caller, without loss."""

import grpc
import pytest

from pitwall.errors import InfeasibleError, PitwallError, from_rpc_error
from services.common.domain.errors import (
    FieldViolation,
    Infeasible,
    InvalidInput,
    Overloaded,
    Unauthenticated,
    Unavailable,
)
from services.common.rpc.status import ERRORS_BY_REASON, as_call_errors, from_peer, to_status

METADATA = {"race_id": "phoenix", "variable": "value"}


class Failed(grpc.RpcError):
    """A call that ended with a status."""

    def __init__(self, status):
        super().__init__()
        self.code = lambda: status.code
        self.details = lambda: status.details
        self.trailing_metadata = lambda: status.trailing_metadata


def from_wire(error):
    return from_rpc_error(Failed(to_status(error)))


def from_this_process(error):
    with pytest.raises(PitwallError) as caught, as_call_errors():
        raise error
    return caught.value


def made(reason):
    """An error of a reason with all that it can carry."""
    own = {
        InvalidInput.reason: {
            "violations": [FieldViolation("race.drivers[3]", "is missing"), FieldViolation("b", "c")]
        },
        Infeasible.reason: {"conflict": ["lock Driver 1", "exclude Driver 1"]},
        Overloaded.reason: {"retry_seconds": 3.5},
    }
    return ERRORS_BY_REASON[reason]("what is wrong; what to do", metadata=METADATA, **own.get(reason, {}))


@pytest.mark.parametrize("carry", [from_wire, from_this_process])
@pytest.mark.parametrize("reason", sorted(ERRORS_BY_REASON))
def test_a_relayed_error_is_the_one_that_was_raised(reason, carry):
    error = made(reason)
    relayed = from_peer(carry(error))
    assert type(relayed) is type(error)
    assert vars(relayed) == vars(error)
    assert relayed.metadata.items() >= METADATA.items()


@pytest.mark.parametrize("carry", [from_wire, from_this_process])
def test_an_error_that_names_no_rules_in_conflict_names_none_once_relayed(carry):
    assert from_peer(carry(Infeasible("no lineup"))).conflict == ()
    assert from_peer(InfeasibleError("no lineup")).conflict == ()


@pytest.mark.parametrize("carry", [from_wire, from_this_process])
@pytest.mark.parametrize("retry_helps", [True, False])
def test_a_fault_that_somebody_has_to_mend_is_not_tried_again(carry, retry_helps):
    found = carry(Unavailable("gone", retry_helps=retry_helps))
    assert found.retriable is retry_helps
    assert from_peer(found, "the scenario service").retry_helps is retry_helps


def test_a_peer_that_does_not_let_this_service_in_is_not_blamed_on_the_caller():
    told = from_peer(from_wire(Unauthenticated("send the metadata")), "the scenario service")
    assert (told.reason, told.retry_helps) == ("UNAVAILABLE", False)
    assert "PITWALL_PEER_BEARER_TOKEN" in told.message


@pytest.mark.parametrize("carry", [from_wire, from_this_process])
def test_a_refusal_that_tells_no_time_to_come_back_is_passed_on_without_one(carry):
    # As that of a message which is too large: it would be waited for in vain.
    refused = carry(Overloaded("message larger than max", retry_seconds=None))
    assert refused.retry_seconds is None
    assert from_peer(refused).retry_seconds is None
