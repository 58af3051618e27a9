import numpy as np
import pytest
import torch

from autograder.checks.compare import SHAPE_ONLY, compare, typed
from autograder.errors import SuiteError
from autograder.models import Reason, Tolerance

TOLERANCES = {
    "float64": Tolerance(rtol=1e-7, atol=1e-9),
    "float32": Tolerance(rtol=1e-4, atol=1e-5),
}
F64 = torch.arange(6, dtype=torch.float64).reshape(2, 3)


def verdict(actual, expected):
    return compare(actual, expected, label="grad_z", tolerances=TOLERANCES)


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (F64.clone(), F64),
        (F64 + 1e-10, F64),
        (F64.float() + 1e-6, F64.float()),
        (2.5, torch.tensor(2.5, dtype=torch.float64)),
        (np.float64(2.5), 2.5),
        (torch.tensor(2.5, dtype=torch.float64), 2.5),
        (np.array(2.5), 2.5),
        (0, 0.0),
        (3.0, 3),
        (torch.tensor([1, 2]), torch.tensor([1, 2])),
        (np.arange(3.0), np.arange(3.0)),
        ((F64, 1.0), (F64, 1.0)),
        ([F64], (F64,)),
        ({"a": 1.0}, {"a": 1.0}),
        ("left", "left"),
        (None, None),
        (torch.tensor([float("inf"), 1.0]).double(), torch.tensor([float("inf"), 1.0]).double()),
        (torch.tensor([float("nan")]).double(), torch.tensor([float("nan")]).double()),
        (torch.empty(0, 3).double(), torch.empty(0, 3).double()),
        (torch.tensor([1 + 1j]), torch.tensor([1 + 1j])),
        (True, True),
        (torch.tensor(True), True),
    ],
    ids=str,
)
def test_a_right_value_is_accepted_however_it_is_written(actual, expected):
    assert verdict(actual, expected).ok


@pytest.mark.parametrize(
    ("actual", "expected", "reason", "message"),
    [
        (None, F64, Reason.TYPE, "grad_z: expected a tensor of shape (2, 3) and dtype float64"),
        (F64.numpy(), F64, Reason.TYPE, "got an array of shape (2, 3) and dtype float64."),
        (F64.T, F64, Reason.SHAPE, "expected shape (2, 3), got (3, 2). It is the transpose"),
        (F64[:1], F64[0], Reason.SHAPE, f"expected shape (3,), got (1, 3). {SHAPE_ONLY}"),
        (F64.reshape(3, 2), F64, Reason.SHAPE, SHAPE_ONLY),
        (F64.float(), F64, Reason.DTYPE, "expected dtype float64, got float32."),
        (F64.long(), F64, Reason.DTYPE, "got int64"),
        (F64 * float("nan"), F64, Reason.NAN, "grad_z[0, 0]: expected 0, got nan (6 of 6"),
        (F64 + 1, F64, Reason.VALUE, "the largest of 6 wrong elements out of 6"),
        (F64, (F64, F64), Reason.TYPE, "expected 2 values in a tuple, got a tensor"),
        ((F64,), (F64, F64), Reason.TYPE, "got a tuple of 1"),
        ((F64, F64 + 1), (F64, F64), Reason.VALUE, "grad_z[1]"),
        ({"b": 1.0}, {"a": 1.0}, Reason.TYPE, "a dict with the keys ['a']"),
        ({"a": 2.0}, {"a": 1.0}, Reason.VALUE, "grad_z['a']"),
        ("right", "left", Reason.VALUE, "expected 'left', got 'right'"),
        ("up" * 10**6, "up", Reason.VALUE, f"expected 'up', got '{'up' * 100}' ... (2000000 in"),
        (1, "left", Reason.TYPE, "expected a str, got an int"),
        (True, 1.0, Reason.TYPE, "expected a float, got a bool"),
        (float("inf"), 1.0, Reason.NAN, "expected 1, got inf"),
        (1.0, float("inf"), Reason.NAN, "expected inf, got 1"),
        (float("-inf"), float("inf"), Reason.NAN, "expected inf, got -inf"),
        (torch.tensor([1, 3]), torch.tensor([1, 2]), Reason.VALUE, "expected 2, got 3"),
        (torch.tensor([1.0]), torch.tensor([True]), Reason.DTYPE, "expected dtype bool"),
        ([1.0, 2.0], torch.tensor([1.0, 2.0]), Reason.TYPE, "got a list of 2"),
    ],
)
def test_what_broke_has_a_reason_and_a_sentence(actual, expected, reason, message):
    found = verdict(actual, expected)
    assert found.reason is reason
    assert message in found.message


def test_feedback_shows_neither_inputs_nor_expected_values():
    found = verdict(F64 + 0.123456, F64)
    assert found.feedback == "grad_z is wrong; the largest error is about 1e-01"
    assert verdict(F64[:1], F64[0]).feedback == f"grad_z has the wrong shape. {SHAPE_ONLY}"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (8675309.25, "more than 1000"),
        (1e300, "more than 1000"),
        (867.5, "about 1e+03"),
        (0.4, "about 1e+00"),
        (0.02, "about 1e-02"),
        (4e-6, "about 1e-05"),
        (9e-7, "less than 1e-06"),
        (2e-9, "less than 1e-06"),
    ],
)
def test_feedback_tells_of_an_error_no_more_than_its_order_of_magnitude(error, said):
    truth = torch.zeros(3, dtype=torch.float64)
    found = compare(
        truth + error, truth, label="y", tolerances={}, tolerance=Tolerance(rtol=0.0, atol=0.0)
    )
    assert found.feedback == f"y is wrong; the largest error is {said}"


def test_numbers_are_shown_with_as_many_digits_as_tell_them_apart():
    truth = torch.tensor([1.4, 2.0], dtype=torch.float64)
    assert verdict(truth + 0.5, truth).message.startswith("grad_z[0]: expected 1.4, got 1.9,")
    found = verdict(truth * (1 + 3e-7), truth)
    assert found.message.startswith("grad_z[1]: expected 2, got 2.0000006,")
    found = verdict(truth * (1 + 3e-7), truth.flip(0))
    assert "expected 1.4, got 2," in found.message


def test_a_small_error_on_a_symmetric_truth_is_no_transpose():
    truth = torch.tensor([[2.0, 0.5], [0.5, 3.0]], dtype=torch.float64)
    assert not verdict(truth * (1 + 5e-7), truth).transposed
    skew = torch.tensor([[2.0, 0.7], [0.5, 3.0]], dtype=torch.float64)
    assert verdict(skew.T, skew).transposed


def test_float64_out_of_float32_is_a_remark():
    found = verdict(F64, F64.float())
    assert found.ok
    assert found.remark == "grad_z is float64 although the inputs are float32"


def test_a_constant_ratio_and_a_transpose_are_noticed():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
    assert verdict(-2 * x, x).ratio == pytest.approx(-2)
    assert verdict(x + 1, x).ratio is None
    assert verdict(x.T, x).transposed


def test_a_tolerance_grows_with_the_scale_of_the_whole_tensor():
    expected = torch.tensor([1e9, 0.0], dtype=torch.float64)
    assert verdict(torch.tensor([1e9, 0.5], dtype=torch.float64), expected).ok
    assert not verdict(torch.tensor([1e9, 5.0], dtype=torch.float64), expected).ok


def test_a_suite_that_expects_something_odd_is_told_so():
    with pytest.raises(SuiteError, match=r"expect\(grad_z\): expected a tensor, .* got object"):
        verdict(1.0, object())


# --- what would mend a shape, and how inputs are shown ----------------------------------------


@pytest.mark.parametrize(
    ("got", "wanted", "advice"),
    [
        ((3, 1), (3,), "Axis 1, of length 1, should be gone: squeeze(1), or no keepdim."),
        ((1, 3), (3,), "Axis 0, of length 1, should be gone: squeeze(0), or no keepdim."),
        ((3, 4), (3,), "Axis 1, of length 4, should be gone."),
        ((2,), (), "Axis 0, of length 2, should be gone."),
        ((3,), (3, 1), "Axis 1, of length 1, is lost: unsqueeze(1), or keepdim=True."),
        ((), (2,), "Axis 0, of length 2, is lost."),
        ((2, 4), (2, 3, 4), "Axis 1, of length 3, is lost."),
        ((2, 3), (4, 5), ""),
        ((6,), (2, 3), ""),
    ],
)
def test_a_wrong_shape_says_both_shapes_and_what_would_mend_it(got, wanted, advice):
    verdict = compare(torch.ones(got), 2 * torch.ones(wanted), label="y", tolerances=TOLERANCES)
    assert verdict.message == f"y: expected shape {wanted}, got {got}. {advice}".rstrip()
    assert "Axis" not in verdict.feedback  # it would give a hidden shape away


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (torch.tensor([[1.0, 0.5], [1e-9, float("nan")]]), "[[1, 0.5], [1e-09, nan]]"),
        (torch.tensor([1, 2]), "[1, 2]"),
        (torch.tensor(True), "True"),
        (torch.zeros(3, 4), "float32 of shape (3, 4)"),
        (torch.zeros(2, 2, 2), "float32 of shape (2, 2, 2)"),
        (np.arange(3), "[0, 1, 2]"),
        (np.zeros((9,)), "float64 of shape (9,)"),
        ((1, [2.5, None]), "(1, [2.5, None])"),
        (list(range(20)), "a list of 20"),
        ("mean", "'mean'"),
        (1 + 2j, "(1+2j)"),
        ({"a": 1}, "a dict"),
    ],
)
def test_a_value_is_shown_as_one_might_type_it(value, shown):
    assert typed(value) == shown
