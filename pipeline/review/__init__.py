"""What people decided: the ledger, decisions, exceptions, signatures, deadlines, standing of the colleges."""
