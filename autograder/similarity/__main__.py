"""The process in which submissions are compared; started by `pairs`, with the parent's id."""

import sys

from autograder.similarity.inside import main

main(int(sys.argv[1]))
