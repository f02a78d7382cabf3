"""Runs of any size: schools in parts, a task per part, and a step between for relations across schools."""
