"""Review: the ledger, decisions, exceptions, signatures, and the standing of the colleges."""
