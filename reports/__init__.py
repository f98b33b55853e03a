"""What people read: the report document, its schema and its renderers. Imports ``theory`` only."""

from reports.document import Report, json_schema, shipped_json_schema
from reports.html import render_html
from reports.terminal import print_report

__all__ = ["Report", "json_schema", "print_report", "render_html", "shipped_json_schema"]
