"""What goes round on paper and in workbooks (contract, Papers): one file for each kind, `make` for all of them."""
