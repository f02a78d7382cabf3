"""An invented cohort of any size, with every kind of fault and its labels."""
