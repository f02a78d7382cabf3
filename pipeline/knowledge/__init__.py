"""Facts and checks that the rules use: codes, regions, identifiers, phones, names, photos."""
