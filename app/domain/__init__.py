"""The rules: pure functions of facts. Standard library only, no clock, no database, no pictures."""
