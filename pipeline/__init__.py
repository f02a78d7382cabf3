"""mingce 名册: verify a graduating class, row by row, until it can be signed."""
