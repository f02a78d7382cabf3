"""Run a cohort of any size: schools are grouped into parts, each part is a task, and a step between resolves what
crosses schools."""
