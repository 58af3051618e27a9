"""The vocabulary that suites are written in, and what explains a failure."""
