"""Muster: who was on site, what each worker is owed, and who has not been paid."""

__version__ = "0.1.0"
