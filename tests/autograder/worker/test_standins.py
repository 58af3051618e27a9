"""What imports get where the real thing is out of place or not there."""

import pytest

from autograder.worker.standins import Absent, Inert, stand_in


@pytest.mark.parametrize(
    "name",
    ["otter", "google.colab", "IPython.display", "matplotlib.pyplot", "autograder", "tqdm.auto"],
)
def test_what_belongs_to_notebooks_and_to_us_has_a_stand_in(name):
    assert stand_in(name, top=False).__name__ == name
    assert stand_in(name, top=True).__name__ == name.partition(".")[0]


@pytest.mark.parametrize("name", ["torch", "numpy", "google", "matplotlibish", "json"])
def test_everything_else_has_none(name):
    assert stand_in(name, top=False) is None


def test_an_inert_object_takes_anything():
    thing = Inert("plt")
    thing.figure(figsize=(1, 2)).add_axes[0].set(x=1)
    thing[0] = 1
    with thing.style.context("x") as inside:
        assert list(inside) == []
    assert len(thing) == 0
    assert thing("a")("b").c is not None
    with pytest.raises(AttributeError, match="__array__"):
        thing.__array__  # noqa: B018 - the access is the test


def test_a_figure_and_its_axes_can_be_unpacked():
    figure, axes = stand_in("matplotlib.pyplot", top=False).subplots(2, 2)
    assert axes[0, 1].plot([1]) is not None
    assert figure.savefig("x.png") is not None


@pytest.mark.parametrize("name", ["tqdm", "tqdm.auto", "tqdm.notebook"])
def test_a_progress_bar_runs_over_what_it_was_given(name):
    module = stand_in(name, top=False)
    bar = module.tqdm([1, 2, 3], desc="x")
    bar.set_postfix(loss=1)
    assert list(bar) == [1, 2, 3]
    assert len(bar) == 3
    assert list(module.trange(2)) == [0, 1]
    assert list(stand_in("tqdm.auto", top=True).auto.tqdm([1])) == [1]


@pytest.mark.parametrize(
    "use",
    [
        lambda thing: thing(),
        lambda thing: thing.array([1]),
        lambda thing: thing[0],
        list,
        len,
        lambda thing: 2 * thing,
        lambda thing: thing + 1,
    ],
)
def test_an_absent_package_fails_when_it_is_used(use):
    with pytest.raises(
        ModuleNotFoundError, match=r"^cupy[.\w]*: expected a package that the grader has, got none"
    ):
        use(Absent("cupy", "No module named 'cupy'"))


def test_an_absent_package_may_be_named():
    assert Absent("cupy", "").ndarray.dtype.__name__ == "cupy.ndarray.dtype"
    with pytest.raises(AttributeError, match="__array__"):
        Absent("cupy", "").__array__  # noqa: B018 - the access is the test
