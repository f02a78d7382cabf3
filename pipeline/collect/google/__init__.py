"""Google Sheets: access, a client that waits within bounds, reading, and the collection sheet."""
