collect_ignore = ["course"]  # its suites grade; they are nobody's tests of the tool
