"""Operate: what keeps a season running: timers, checks, purge, backup."""
