"""Preload for the fork server: modules that every worker process needs."""

from pipeline.check.validate import warm_up

warm_up()
