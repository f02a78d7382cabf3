"""Match: find each submission's registry row and the evidence for it."""
