"""Imported once by the process that a season's nights are forked from. Imports alone: no thread may start there."""

import matplotlib.backends.backend_agg
import matplotlib.figure
import matplotlib.font_manager
import PIL.PngImagePlugin
import pyarrow.dataset
import pyarrow.parquet
import sqlalchemy.dialects.sqlite
import xlsxwriter

import pipeline.deliver.send
import tests.deliver.season

__all__ = ["PIL", "matplotlib", "pipeline", "pyarrow", "sqlalchemy", "tests", "xlsxwriter"]
