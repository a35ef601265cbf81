"""After the race: what the lineups of a run really did, and how far its projections were right."""

from pitwall.audit.compare import audit_run
from pitwall.audit.entered import split_prize
from pitwall.audit.results import Audit, DriverAudit, Hindsight, LineupAudit

__all__ = ["Audit", "DriverAudit", "Hindsight", "LineupAudit", "audit_run", "split_prize"]
