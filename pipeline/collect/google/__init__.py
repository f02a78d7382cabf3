"""Google Sheets: access, a client that waits within bounds, reading at one moment, and the collection sheet."""
