"""Collect: read every submitted row and the registries as they were typed."""
