"""The report of a run: one HTML file that opens offline, on a phone, in the dark and on paper."""

from pitwall.report.collect import collect_report
from pitwall.report.data import ReportData, report_from_json
from pitwall.report.page import report_html

__all__ = ["ReportData", "collect_report", "report_from_json", "report_html"]
