"""What is true of people: counts, course, work, reasons, signature. Page, mail, paper and desk show it."""
