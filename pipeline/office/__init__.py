"""The office in JupyterLab. Each `show_…` returns a widget that acts on a button only, so "run all" is harmless."""

from pipeline.office.commands import show_look, show_more, show_run, show_send
from pipeline.office.desk_cohort import DeskCohort, open_office
from pipeline.office.student_list import show_students

__all__ = [
    "DeskCohort",
    "open_office",
    "show_look",
    "show_more",
    "show_run",
    "show_send",
    "show_students",
]
