"""A season counted twice: by a run, and by plain pandas from the raw files and the ledger."""
