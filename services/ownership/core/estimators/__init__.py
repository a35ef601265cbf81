"""The four estimators of the ensemble and the baselines they are measured against."""

from services.ownership.core.estimators.base import SlateEstimator
from services.ownership.core.estimators.baselines import SalaryBaseline, UniformBaseline, ValueBaseline
from services.ownership.core.estimators.historical import HistoricalEstimator
from services.ownership.core.estimators.projection import ProjectionEstimator
from services.ownership.core.estimators.recent_form import RecentFormEstimator
from services.ownership.core.estimators.salary_skill import SalarySkillEstimator

__all__ = [
    "HistoricalEstimator",
    "ProjectionEstimator",
    "RecentFormEstimator",
    "SalaryBaseline",
    "SalarySkillEstimator",
    "SlateEstimator",
    "UniformBaseline",
    "ValueBaseline",
]
