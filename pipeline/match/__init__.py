"""Match: find each submission's registry row and gather the evidence for the rules."""
