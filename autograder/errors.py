"""Everything that can go wrong and is somebody's to mend.

    GraderError                 what the command line catches; one line, exit code 2
    ├── ConfigError             grading_config.yml, arguments, rosters            exit code 2
    ├── SubmissionError         one student's files; becomes an `unreadable` result
    ├── SuiteError              an instructor's suite, reference or mistake is wrong
    └── SandboxError            the grader itself failed                          exit code 3
        ├── IsolationError      this machine cannot isolate as asked              exit code 2
        └── JailError           a jail that could be built no longer can; ends the batch

A student's failing code is data (`models.CaseResult`), never an exception. Messages have one form:
``where: expected X, got Y. What to do.``
"""


class GraderError(Exception):
    """A fault that a person can mend; its message is one line, or one line for each fault."""

    exit_code = 2


class ConfigError(GraderError):
    """The configuration, a roster or an argument is wrong."""


class SubmissionError(GraderError):
    """The files of one student cannot be graded."""


class SuiteError(GraderError):
    """A suite, a reference solution or a known mistake breaks the rules that suites follow."""


class SandboxError(GraderError):
    """The grader itself failed."""

    exit_code = 3


class IsolationError(SandboxError):
    """This machine cannot isolate student code as asked; nothing was run."""

    exit_code = 2


class JailError(SandboxError):
    """The kernel refuses a tier's jail: nothing may run without it."""
