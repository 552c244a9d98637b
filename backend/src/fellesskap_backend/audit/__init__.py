"""The audit: every decision as it is stored, for whoever is to derive them all again."""
