"""The truth is computed in float64, once, and handed out as fresh copies."""

import numpy as np
import pytest
import torch

from autograder.checks.oracle import Oracle, copied, in_float64
from autograder.errors import SuiteError

X = torch.tensor([[0.1, -2.0], [3.0, 0.7]], dtype=torch.float64)


def made(known=None, *, reference=None, dtype=torch.float64, case="a case"):
    return Oracle(case, {} if known is None else known, reference=reference, dtype=dtype)


# --- how it is computed ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_results_are_exact_and_come_in_the_dtype_of_the_inputs(dtype):
    x = X.to(dtype)
    result = made()(torch.exp, x)
    assert result.dtype == dtype
    assert torch.equal(result, torch.exp(x.double()).to(dtype))


def test_the_lowest_of_several_dtypes_counts():
    result = made()(torch.add, X, X.float())
    assert result.dtype == torch.float32
    assert made()(lambda x, *, y: x + y, X, y=X.half()).dtype == torch.float16


def test_without_a_floating_input_the_dtype_is_that_of_the_run():
    assert made(dtype=torch.float32)(lambda n: torch.ones(n) / 3, 2).dtype == torch.float32
    assert made()(lambda n: torch.ones(n, dtype=torch.float32), 2).dtype == torch.float64


def test_whole_numbers_and_truths_stay_what_they_are():
    order, found = made()(lambda x: (x.argsort(), x > 0), X.float())
    assert order.dtype == torch.int64
    assert found.dtype == torch.bool


def test_arrays_are_computed_as_arrays():
    x = X.numpy().astype("float32")
    result = made()(lambda x: (np.exp(x), np.argmax(x), x.shape, np.mean(x)), x)
    assert result[0].dtype == np.float32
    assert np.array_equal(result[0], np.exp(x.astype("float64")).astype("float32"))
    assert result[1:3] == (2, (2, 2))
    assert result[3].dtype == np.float32


def test_arguments_are_copies_however_deep():
    x, y, z = X.clone(), X.numpy().copy(), X.clone()

    def changes(x, pair, *, more):
        x.zero_()
        pair[0][:] = 0
        more["z"].zero_()
        return x

    made()(changes, x, [y, 1], more={"z": z})
    assert torch.equal(x, X)
    assert np.array_equal(y, X.numpy())
    assert torch.equal(z, X)


def test_autograd_may_be_the_truth():
    def gradient(x):
        x.requires_grad_()
        return torch.autograd.grad((x**3).sum(), x)[0]

    result = made()(gradient, X.float())
    assert not result.requires_grad
    assert torch.equal(result, (3 * X.float().double() ** 2).float())


def test_a_result_with_a_graph_is_detached():
    assert not made()(lambda x: x.requires_grad_() * 2, X).requires_grad


def test_a_generator_is_not_used_up():
    generator = torch.Generator().manual_seed(1)
    drawn = made()(lambda g: torch.rand(2, generator=g, dtype=torch.float64), generator)
    assert torch.equal(drawn, torch.rand(2, generator=generator, dtype=torch.float64))


def test_structure_and_plain_values_are_kept():
    result = in_float64(
        lambda x: {"a": (x, [1, "two"]), "b": None}, (X.float(),), {}, default=torch.float64
    )
    assert result["a"][1] == [1, "two"]
    assert result["a"][0].dtype == torch.float32
    assert result["b"] is None


# --- once for everyone -------------------------------------------------------------------------


def test_what_is_known_is_not_computed_again():
    known, calls = {}, []

    def count(x):
        calls.append(1)
        return x

    for _ in range(3):
        made(known)(count, X)
    assert len(calls) == 1


def test_each_call_of_a_case_has_its_own_answer():
    known = {}
    for _ in range(2):
        oracle = made(known)
        assert torch.equal(oracle(torch.neg, X), -X)
        assert torch.equal(oracle(torch.abs, X), X.abs())
    assert list(known) == [("a case", "float64", 1), ("a case", "float64", 2)]


def test_cases_and_dtypes_do_not_share_answers():
    known = {}
    made(known)(torch.neg, X)
    made(known, case="another case")(torch.abs, X)
    made(known, dtype=torch.float32)(torch.exp, X.float())
    assert len(known) == 3


def test_nobody_can_change_what_others_get():
    known = {}
    first, (inner, array) = made(known)(lambda x: (x, (x, x.numpy().copy())), X)
    first.zero_()
    inner.zero_()
    array[:] = 0
    again, (inner, array) = made(known)(None, X)
    assert torch.equal(again, X)
    assert torch.equal(inner, X)
    assert np.array_equal(array, X.numpy())


def test_a_copy_shares_no_memory():
    generator = torch.Generator().manual_seed(1)
    value = {"x": [X, (X.numpy(), generator)], "k": 3}
    copy = copied(value)
    assert copy["x"][0].data_ptr() != X.data_ptr()
    assert not np.shares_memory(copy["x"][1][0], X.numpy())
    torch.rand(1, generator=copy["x"][1][1])
    assert torch.equal(generator.get_state(), torch.Generator().manual_seed(1).get_state())
    assert copy["k"] == 3


# --- through the reference ---------------------------------------------------------------------


def test_the_reference_is_asked_by_name():
    oracle = made(reference={"softmax": lambda z, dim=-1: torch.softmax(z, dim)})
    assert torch.equal(oracle.softmax(X, dim=0), torch.softmax(X, 0))


@pytest.mark.parametrize("reference", [{}, {"softmax": 3.0}])
def test_a_name_that_the_reference_does_not_define_is_a_fault_of_the_suite(reference):
    with pytest.raises(
        SuiteError,
        match="a case: expected a function of the reference solution, got oracle.softmax. Correct",
    ):
        made(reference=reference).softmax(X)


def test_without_a_reference_what_was_recorded_is_given():
    known = {}
    reference = {"double": lambda x: 2 * x}
    assert torch.equal(made(known, reference=reference).double(X), 2 * X)
    assert torch.equal(made(known).double(X), 2 * X)


def test_what_was_not_recorded_cannot_be_given():
    with pytest.raises(
        SuiteError, match="a case: expected a recorded value of double, got none. Download the"
    ):
        made().double(X)


def test_names_with_two_underscores_are_python_s_own():
    with pytest.raises(AttributeError, match="__wrapped__"):
        made().__wrapped__  # noqa: B018 -- what inspect asks
