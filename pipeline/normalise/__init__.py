"""Normalise: repair what can be repaired and write down each repair."""
