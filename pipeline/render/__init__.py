"""Render: notebooks, pages and printed tables."""
