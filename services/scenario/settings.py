"""Settings of the scenario service, read from the environment with the prefix ``PITWALL_SCENARIO_``."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.common.rpc.settings import ServerSettings, default_data_dir


class ScenarioSettings(ServerSettings):
    """Where races and scenario sets are kept, and how they are simulated."""

    model_config = SettingsConfigDict(env_prefix="PITWALL_SCENARIO_", extra="ignore")

    port: int = Field(50051, ge=0, le=65535, description="TCP port; 0 takes a free one. Not used with uds_path.")
    data_dir: Path = Field(
        default_factory=lambda: default_data_dir() / "scenario",
        description="Folder of what the two URLs below do not place elsewhere.",
    )
    database_url: str = Field(
        "", description="SQLAlchemy URL of the records. Default: an SQLite file in data_dir. Share it between replicas."
    )
    matrix_url: str = Field(
        "",
        description="Folder or fsspec URL of the matrices. Default: a folder in data_dir. Share it between replicas.",
    )
    max_cache_bytes: int = Field(
        512 << 20, ge=1 << 20, description="Bound of matrices and their serialized chunks in memory."
    )
    calibration_path: Path | None = Field(
        None, description="Calibration file written by `pitwall calibrate`. Default: the one that comes with Pitwall."
    )
    workers: int = Field(
        default_factory=lambda: max(1, min(8, os.cpu_count() or 1)),
        ge=1,
        le=64,
        description="Threads that simulate one set; the result does not depend on it.",
    )

    def database(self) -> str:
        """URL of the records in force."""
        return self.database_url or f"sqlite:///{self.data_dir / 'scenario.db'}"

    def matrices(self) -> str:
        """URL of the matrices in force."""
        return self.matrix_url or str(self.data_dir / "matrices")
