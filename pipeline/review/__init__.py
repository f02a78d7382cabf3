"""What people decided: the ledger, decisions, exceptions, signatures, standing of the colleges."""
