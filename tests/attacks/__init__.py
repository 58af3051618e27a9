"""The attack suite: hostile submissions, graded in whole batches by the real command.

    record.py       what an attack is: files, what must happen, how it wins where nobody defends
    catalogue/      the attacks, one module for each family
    course/         a small course to attack: plain, by hand, and with Python's own types
    batch.py        hands everything in, honest students after each attack, and grades it
    runner.py       `gradlab`, in a tier of the test's choice
    naive.py        a grader without defences, in which the attacks are shown to win
    test_*.py       what must hold

To add an attack, add one `Attack` to its family in `catalogue/`. Say in one sentence what it tries,
and in `ends` how each exercise that it hands in must end; exercises that it does not hand in are
`not_implemented`, and earn nothing. `python(text)` makes the file; `@FOLDER@` in it becomes the
folder that holds the course, all that was handed in, and OUT. If the attack is harmless to the
machine, name in `undefended` the way of `naive.WAYS` in which it wins: the test fails if it does
not, since an attack that wins nowhere proves nothing. A probe of the jail raises `Achieved` when
something was not refused and is honest else, so that only refusal earns its points.

Everything runs as root and as an ordinary user, with and without namespaces (`make prove`); a
sample runs in the fast tests.
"""
