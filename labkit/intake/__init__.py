"""Files in: read, check, and keep as a store."""

from labkit.intake.check import check, intake
from labkit.intake.findings import CheckResult, FileCount, Finding, IntakeError

__all__ = ["CheckResult", "FileCount", "Finding", "IntakeError", "check", "intake"]
