"""Fonts of the reports; README.md beside this says whose they are."""
