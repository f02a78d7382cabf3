"""Facts that rules use: codes, regions, identifiers, phones, names, photos."""
