"""Operate: timers, health checks, purge, backup."""
