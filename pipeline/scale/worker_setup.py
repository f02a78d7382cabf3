"""Preload for the fork server: modules that every worker process needs."""

from pipeline.check.validate import preload

preload()
