"""Which submissions are alike: a list for people to read; nothing follows from it by itself.

Students' text is read in a process of its own (`inside`), which has given up every file, the
network and most system calls by then, and knows no name; `pairs` starts it and reads its numbers.
"""
