"""Match: find each row's registry row and gather the evidence; judge nothing."""
