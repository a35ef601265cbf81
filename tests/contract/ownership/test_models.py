"""Models fitted and evaluated while calls go on."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import sqlalchemy as sa

from pitwall.ownership.v1 import ownership_service_pb2 as pb
from services.ownership.core.ensemble import OwnershipEnsemble
from tests.contract.ownership.world import (
    project,
    record,
)


class TestModels:
    def test_fit_then_project_with_either_model(self, stub, scenario):
        assert [m.model_version for m in stub.ListModels(pb.ListModelsRequest()).models] == ["default"]
        before = project(stub)
        for i in range(6):
            record(stub, scenario, f"race{i}")
        *progress, last = stub.FitModel(pb.FitModelRequest())
        assert progress
        assert last.model.active
        assert last.model.n_races == 6
        assert sum(last.model.weights.values()) == pytest.approx(1.0)
        listed = stub.ListModels(pb.ListModelsRequest()).models
        assert [(m.model_version, m.active) for m in listed] == [(last.model.model_version, True), ("default", False)]
        assert project(stub).model_version == last.model.model_version
        assert project(stub, model_version="default") == before

    def test_a_model_that_another_version_fitted_is_fitted_again(self, stub, scenario, database):
        record(stub, scenario, "race1")
        with database.begin() as connection:
            columns = "model_version, created_at, active, n_races, weights, state"
            connection.execute(
                sa.text(f"INSERT INTO ownership_models ({columns}) VALUES ('fit-old', 1.0, true, 1, '{{}}', '{{}}')")
            )
        with pytest.raises(grpc.RpcError) as excinfo:
            project(stub, model_version="fit-old")
        assert excinfo.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        with ThreadPoolExecutor(3) as pool:
            versions = {p.model_version for p in pool.map(lambda _: project(stub), range(3))}
        listed = stub.ListModels(pb.ListModelsRequest()).models
        assert [m.model_version for m in listed if m.active] == list(versions)
        assert versions != {"fit-old"}
        assert [m.n_races for m in listed if m.active] == [1]
        stub.DeleteOwnershipRecord(pb.DeleteOwnershipRecordRequest(race_id="race1", contest_id="main-race1"))
        with database.begin() as connection:
            connection.execute(sa.text("UPDATE ownership_models SET active = (model_version = 'fit-old')"))
        with pytest.raises(grpc.RpcError, match="fitted by another version"):
            project(stub)

    def test_evaluate_names_every_model(self, stub, scenario):
        for i in range(4):
            record(stub, scenario, f"race{i}")
        *_, last = stub.EvaluateModel(pb.EvaluateModelRequest())
        rows = {row.name: row for row in last.evaluation.rows}
        members = {"historical", "projection", "salary_skill", "recent_form"}
        assert set(rows) == members | {"ensemble", "uniform", "salary_only", "value_only"}
        assert last.evaluation.n_races == 4
        assert rows["uniform"].skill == 0
        assert all(row.mae > 0 and 0 <= row.coverage <= 1 for row in rows.values())

    def test_nothing_to_fit_or_evaluate(self, stub, scenario):
        for call in (
            lambda: stub.FitModel(pb.FitModelRequest()),
            lambda: stub.EvaluateModel(pb.EvaluateModelRequest()),
        ):
            with pytest.raises(grpc.RpcError) as excinfo:
                list(call())
            assert excinfo.value.code() == grpc.StatusCode.FAILED_PRECONDITION

    def test_an_interrupted_fit_leaves_the_old_model(self, stub, scenario, monkeypatch):
        class Endless(OwnershipEnsemble):
            def fit(self, X, y, *, work=None):
                work.report("leave races out", 0, 1)
                while True:
                    work.checkpoint()

        record(stub, scenario, "race1")
        monkeypatch.setattr("services.ownership.application.OwnershipEnsemble", Endless)
        fit = stub.FitModel(pb.FitModelRequest())
        next(fit)
        fit.cancel()
        with pytest.raises(grpc.RpcError) as excinfo:
            list(fit)
        assert excinfo.value.code() == grpc.StatusCode.CANCELLED
        assert project(stub).model_version == "default"
        with pytest.raises(grpc.RpcError) as excinfo:
            list(stub.FitModel(pb.FitModelRequest(), timeout=0.5))
        assert excinfo.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        assert project(stub).model_version == "default"

    def test_an_interrupted_refit_leaves_the_fitted_model_serving(self, stub, scenario, monkeypatch):
        record(stub, scenario, "race1")
        version = list(stub.FitModel(pb.FitModelRequest()))[-1].model.model_version
        before = project(stub)
        record(stub, scenario, "race2")
        with monkeypatch.context() as patch:
            # The last statement of storing a model: the old one is no longer marked active by then.
            patch.setattr("services.ownership.store.asdict", lambda _model: 1 / 0)
            with pytest.raises(grpc.RpcError):
                list(stub.FitModel(pb.FitModelRequest()))
        assert project(stub) == before
        assert [m.model_version for m in stub.ListModels(pb.ListModelsRequest()).models if m.active] == [version]

    def test_neither_waits_for_the_other(self, stub, scenario, monkeypatch):
        """Projections are answered while a fit is held in the middle of its work, and it ends after they do."""
        record(stub, scenario, "race1")
        begun, released = threading.Event(), threading.Event()
        fits = OwnershipEnsemble.fit

        def held(model, X, y, *, work=None):
            begun.set()
            assert released.wait(60)
            return fits(model, X, y, work=work)

        monkeypatch.setattr("services.ownership.application.OwnershipEnsemble.fit", held)
        with ThreadPoolExecutor(5) as pool:
            fit = pool.submit(lambda: list(stub.FitModel(pb.FitModelRequest())))
            try:
                assert begun.wait(60)
                projections = list(pool.map(lambda _: project(stub), range(12)))
                assert not fit.done()
            finally:
                released.set()
        assert {p.model_version for p in projections} == {"default"}
        assert fit.result()[-1].model.active
        assert project(stub).model_version == fit.result()[-1].model.model_version

    def test_projections_go_on_during_a_fit(self, stub, scenario):
        for i in range(8):
            record(stub, scenario, f"race{i}")
        with ThreadPoolExecutor(4) as pool:
            fit = pool.submit(lambda: list(stub.FitModel(pb.FitModelRequest())))
            projections = list(pool.map(lambda _: project(stub, model_version="default"), range(30)))
        assert len({p.SerializeToString(deterministic=True) for p in projections}) == 1
        assert fit.result()[-1].model.active
