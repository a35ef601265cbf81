"""What a build makes of its stream: read to the end, and nothing lost when it breaks."""

import pytest

from pitwall._groups.optimizer import Optimizer
from pitwall.config import Group
from pitwall.errors import DeadlineExceededError, InvalidInputError
from pitwall.optimizer.v1 import optimizer_service_pb2 as pb
from pitwall.optimizer.v1 import portfolio_pb2
from pitwall.optimizer.v1.optimizer_service_pb2_grpc import OptimizerServiceStub
from services.common.rpc.testing import serve


class OneStream:
    """Answers every streaming call with the same events, then an error if there is one."""

    def __init__(self, events, error=None):
        self.events, self.error, self.ended = events, error, False

    def stream(self, *_asked, **_options):
        yield from self.events
        self.ended = True
        if self.error is not None:
            raise self.error


@pytest.fixture(scope="module")
def stub():
    with serve([]) as channel:
        yield OptimizerServiceStub(channel)


LINEUPS = [pb.BuildPortfolioResponse(lineup=portfolio_pb2.PortfolioLineup(index=index)) for index in range(2)]


def test_a_build_reads_its_stream_to_the_end(stub):
    # A call that is left after its summary would count as cancelled in the logs of the service.
    answers = OneStream([*LINEUPS, pb.BuildPortfolioResponse(summary=portfolio_pb2.PortfolioSummary(n_built=2))])
    portfolio = Optimizer(stub, answers).build("sample")
    assert answers.ended
    assert [lineup.index for lineup in portfolio.lineups] == [0, 1]


def test_a_build_that_fails_keeps_the_lineups_on_its_error(stub):
    answers = OneStream(LINEUPS, DeadlineExceededError("the deadline passed"))
    with pytest.raises(DeadlineExceededError) as caught:
        Optimizer(stub, answers).build("sample")
    assert [lineup.index for lineup in caught.value.lineups] == [0, 1]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"n_lineups": 2.5}, "n_lineups"),
        ({"max_dominators": "2"}, "max_dominators"),
        ({"locked": "41730502"}, "locked"),
        ({"groups": [Group(("41730502",)), Group("41730503")]}, "groups[1].driver_ids"),
        ({"mean_weight": -0.1}, "mean_weight"),
    ],
)
def test_settings_that_no_message_carries_are_refused_by_name(stub, settings, field):
    with pytest.raises(InvalidInputError) as caught:
        Optimizer(stub, OneStream([])).build("sample", **settings)
    assert [violation.field for violation in caught.value.violations] == [field]
    assert caught.value.message.startswith(f"{field}: ")
