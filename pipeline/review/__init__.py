"""Review: decisions, exceptions and signatures, kept in an append-only ledger."""
