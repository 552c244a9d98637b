"""Neutrality: what each carrier got in a month, and whether it may complain."""
