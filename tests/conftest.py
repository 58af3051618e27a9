"""The tests say what a terminal and a CI job look like; the machine that runs them does not."""

import os
import signal
import threading

_TERMINAL = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"}

# Before any module of the tests is imported: some keep the environment for their commands.
for name in list(os.environ):
    if name in _TERMINAL | {"CI"} or name.startswith(("CI_", "GITHUB_", "GITLAB_")):
        del os.environ[name]

# Whoever is started in the background ignores Ctrl-C, and so would every command of the tests.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
