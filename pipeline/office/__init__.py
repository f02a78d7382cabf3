"""The office in JupyterLab: run, look, search, decide and send, through the command line's own functions.

Every `show_…` returns a widget; nothing happens until a button is pressed, so that "run all cells" is harmless.
"""

from pipeline.office.cohort import Office, open_office
from pipeline.office.commands import show_look, show_papers, show_run, show_send
from pipeline.office.deciding import decide, show_decide
from pipeline.office.students import show_desk, show_search

__all__ = [
    "Office",
    "decide",
    "open_office",
    "show_decide",
    "show_desk",
    "show_look",
    "show_papers",
    "show_run",
    "show_search",
    "show_send",
]
