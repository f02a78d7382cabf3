"""Deliver: mail, the answers sheet and the hand-in."""
