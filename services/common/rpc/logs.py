"""Structured logs: one JSON object per line, or columns for people."""

from __future__ import annotations

import logging
import sys

import structlog

from pitwall.rpc import new_request_id
from services.common.rpc.settings import ServerSettings


def configure_logs(settings: ServerSettings) -> None:
    """Send logs to standard error at the level and in the format of the settings."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def current_request_id() -> str:
    """The id of the request that is being answered, else a new one."""
    return str(structlog.contextvars.get_contextvars().get("request_id") or new_request_id())
