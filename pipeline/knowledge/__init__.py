"""What the rules know: codes, regions, identifiers, phones, names, photos."""
