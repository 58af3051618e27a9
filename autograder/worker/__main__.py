"""What the trusted side executes: `python -m autograder.worker DESCRIPTOR`."""

import socket
import sys

from autograder.worker.zygote import main

if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
