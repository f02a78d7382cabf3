"""Normalise: repair values and record each repair in `changes`."""
