"""Benchmarks: commands that print ratios measured in one run and end with one JSON line. No timed tests."""
