"""Any size on any number of machines: schools in parts, one task a part, what crosses schools settled in between."""
