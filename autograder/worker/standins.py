"""What a student's imports get where the real thing is out of place or not there.

Grading must not open windows, start the course's own checker or depend on what a laptop has
installed, so these names always give an `Inert` object. A package that is not available at all
gives an `Absent` one: harmless until somebody uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Never, Self

INERT = ("autograder", "gradlab", "google.colab", "IPython", "ipywidgets", "matplotlib", "otter")
PROGRESS = "tqdm"


def stand_in(name: str, *, top: bool) -> Inert | None:
    """Return what stands for the module `name`, or None if the real one is wanted.

    Args:
        name: As the import statement says it: "matplotlib.pyplot".
        top: Whether the statement binds the first part of the name (``import a.b``).
    """
    head = name.partition(".")[0]
    if head == PROGRESS:
        return Inert(head if top else name, attributes={"tqdm": Progress, "trange": _trange})
    if any(name == module or name.startswith(f"{module}.") for module in INERT):
        return Inert(head if top else name)
    return None


class Inert:
    """Takes any call, attribute, index or `with`, does nothing and gives another of its kind."""

    def __init__(self, name: str = "", *_: Any, attributes: dict[str, Any] | None = None) -> None:
        self.__name__ = name
        self.__all__: list[str] = []
        self.__dict__.update(attributes or {})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        # `from tqdm.auto import tqdm` and `import tqdm.auto` mean the same things
        mine = {key: value for key, value in vars(self).items() if not key.startswith("__")}
        return Inert(name, attributes=mine)

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Give nothing, or the pair that `fig, ax = plt.subplots()` unpacks."""
        return (Inert(), Inert()) if self.__name__ == "subplots" else Inert()

    def __getitem__(self, _: Any) -> Inert:
        return Inert()

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Progress(Inert):
    """A progress bar that shows nothing: the loop runs over what it was given."""

    def __init__(self, iterable: Any = (), *_: Any, **__: Any) -> None:
        super().__init__("tqdm")
        self._iterable = iterable

    def __iter__(self) -> Iterator[Any]:
        return iter(self._iterable)

    def __len__(self) -> int:
        return len(self._iterable)


def _trange(*bounds: int, **_: Any) -> Progress:
    return Progress(range(*bounds))


class Absent:
    """Stands for a package that is not available: it may be named, but not used."""

    def __init__(self, name: str, reason: str) -> None:
        self.__name__ = name
        self.__reason = reason

    def __getattr__(self, name: str) -> Absent:
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.__name__}.{name}", self.__reason)

    def _fail(self, *_: Any, **__: Any) -> Never:
        raise ModuleNotFoundError(
            f"{self.__name__}: expected a package that the grader has, got none ({self.__reason})."
            " Do without it.",
            name=self.__name__,
        )

    __call__ = __getitem__ = __iter__ = __len__ = __enter__ = __exit__ = _fail
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __matmul__ = _fail
