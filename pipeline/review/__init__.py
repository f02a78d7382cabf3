"""Review: the ledger, decisions, exceptions, signatures and the ranking of colleges."""
