"""Google Sheets: access, a client that waits within bounds, reading at one moment, and the collection sheet."""

from pipeline.collect.google.read import read_decisions_sheet, read_sheet

__all__ = ["read_decisions_sheet", "read_sheet"]
