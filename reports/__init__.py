"""What people read: the report document, its schema and its renderers. Imports ``theory`` only.

Names are imported when they are first used, so that the words of reasons do not wait for pydantic.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.document import Report, json_schema, shipped_json_schema
    from reports.reasons import reason_text
    from reports.renderers import RENDERERS

_HOMES = {
    "RENDERERS": "reports.renderers",
    "Report": "reports.document",
    "json_schema": "reports.document",
    "reason_text": "reports.reasons",
    "shipped_json_schema": "reports.document",
}

__all__ = ["RENDERERS", "Report", "json_schema", "reason_text", "shipped_json_schema"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'reports' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
