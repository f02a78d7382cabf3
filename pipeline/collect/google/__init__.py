"""Google Sheets: access, a client that waits within bounds, reading at one moment, and the collection sheet."""

from pipeline.collect.google.google_template import complete_template, make_template
from pipeline.collect.google.read import read_decisions_sheet, read_sheet

__all__ = ["complete_template", "make_template", "read_decisions_sheet", "read_sheet"]
