"""Settings of the optimizer service, from the environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.common.rpc.settings import ServerSettings


class OptimizerSettings(ServerSettings):
    """Where the optimizer listens, whom it asks, and what it keeps."""

    model_config = SettingsConfigDict(env_prefix="PITWALL_OPTIMIZER_", extra="ignore")

    port: int = Field(50053, ge=0, le=65535, description="TCP port; 0 takes a free one. Not used with uds_path.")
    scenario_address: str = Field("127.0.0.1:50051", description="Address of the scenario service.")
    ownership_address: str = Field("127.0.0.1:50052", description="Address of the ownership service.")
    matrix_cache_bytes: int = Field(256 << 20, ge=0, description="Memory for scenario sets fetched before.")
    table_cache_bytes: int = Field(
        512 << 20, ge=0, description="Memory for lineup tables, some 60 MB each; a portfolio on a kept one is quicker."
    )
    max_table_lineups: int = Field(
        50_000_000, ge=1, description="Legal lineups up to which a table is built; larger slates are branched."
    )
