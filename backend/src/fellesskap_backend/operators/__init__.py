"""What operators do beside opening doors: services, worklists, write-offs, and the rows of it."""
