"""Facts about students that pages, mail, printed forms and the review desk share."""
