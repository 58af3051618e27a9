"""Grades out: what learning platforms take, made from the results in OUT."""
