"""Settings of the contest-sim service, from the environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.common.rpc.settings import ServerSettings


class ContestSimSettings(ServerSettings):
    """Where contest-sim listens and where it finds the services it asks."""

    model_config = SettingsConfigDict(env_prefix="PITWALL_CONTEST_SIM_", extra="ignore")

    port: int = Field(50054, ge=0, le=65535, description="TCP port; 0 takes a free one. Not used with uds_path.")
    scenario_address: str = Field("127.0.0.1:50051", description="Address of the scenario service.")
    ownership_address: str = Field("127.0.0.1:50052", description="Address of the ownership service.")
    cached_fields: int = Field(2, ge=1, le=100, description="Fitted fields kept, some 45 MB each on a full slate.")
    max_field_lineups: int = Field(
        60_000_000, ge=1, description="Legal lineups up to which a field is fitted, some 30 bytes each."
    )
    matrix_cache_bytes: int = Field(512 << 20, ge=0, description="Memory for scenario sets fetched before.")
