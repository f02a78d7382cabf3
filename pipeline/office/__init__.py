"""The office in JupyterLab: run, look, search, decide and send, through the command line's own functions.

Every `show_…` returns a widget; nothing happens until a button is pressed, so that "run all cells" is harmless.
"""

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
