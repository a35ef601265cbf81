"""What can be set on the ownership service."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.common.rpc.settings import ServerSettings, default_data_dir


class OwnershipSettings(ServerSettings):
    """The server's settings, where records are kept, and where scenarios come from."""

    model_config = SettingsConfigDict(env_prefix="PITWALL_OWNERSHIP_", extra="ignore")

    port: int = Field(50052, ge=0, le=65535, description="TCP port; 0 takes a free one. Not used with uds_path.")
    scenario_address: str = Field("127.0.0.1:50051", description="Where the scenario service is.")
    data_dir: Path = Field(
        default_factory=lambda: default_data_dir() / "ownership",
        description="Folder of what the URL below does not place elsewhere.",
    )
    database_url: str = Field(
        "",
        description="SQLAlchemy URL of records and models. Default: an SQLite file in data_dir. "
        "Share it between replicas (postgresql+psycopg://...).",
    )
    max_cached_summaries: int = Field(256, ge=1, le=100_000, description="Scenario summaries kept in memory.")
    max_cached_models: int = Field(8, ge=1, le=1_000, description="Fitted models kept in memory.")

    def database(self) -> str:
        """URL of records and models in force."""
        return self.database_url or f"sqlite:///{self.data_dir / 'ownership.db'}"
