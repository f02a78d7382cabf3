"""Deliver: mail, the answers sheet, the hand-in, and the timer."""
