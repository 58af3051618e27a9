"""Normalising flows: what grades it.

The truth is the determinant of a Jacobian that autograd finds, row by row, or torch.distributions,
in float64, not the reference solution.
"""

import math

import pytest
import torch

LAYOUTS = ("transposed", "strided", "expanded", "offset")
FLOAT32 = torch.float32
Normal, LogNormal = torch.distributions.Normal, torch.distributions.LogNormal


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def with_log_det(f, x):
    """Return f(x) and log |det| of its Jacobian at each row of x."""

    def log_det(row):
        jacobian = torch.autograd.functional.jacobian(lambda r: f(r.unsqueeze(0)).squeeze(0), row)
        size = math.isqrt(jacobian.numel())
        return torch.linalg.slogdet(jacobian.reshape(size, size)).logabsdet

    return f(x), torch.stack([log_det(row) for row in x])


def tanh_net(draw, support, inputs, outputs, *, dtype=None, std=0.6):
    """Return a random network of the student's, and its formula."""
    sizes = ((4, inputs), (4,), (outputs, 4), (outputs,))
    params = [draw.normal(*size, std=std, dtype=dtype) for size in sizes]

    def plain(h):
        W_1, b_1, W_2, b_2 = (param.to(h) for param in params)
        return torch.tanh(h @ W_1.T + b_1) @ W_2.T + b_2

    return support.make("tanh_net", *params), plain


def affine_net(support, W, b):
    """Return a linear network of the student's, and its formula."""
    return support.make("affine_net", W, b), lambda h: h @ W.to(h).T + b.to(h)


# --- one dimension ----------------------------------------------------------------------------


def log_p(z, dz_dx):
    return Normal(0.0, 1.0).log_prob(z) + dz_dx.abs().log()


@pytest.mark.exercise("change_of_variables_1d", parts={"log_p": 2, "underflow": 1})
class TestChangeOfVariables1d:
    """Change of variables on the line"""

    @pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 4), (4, 4), (1, 5)], ids=str)
    def test_any_map(self, student, draw, expect, oracle, shape):
        """random values, derivatives of either sign"""
        z, slope = draw.normal(*shape), draw.uniform(*shape, low=-3.0, high=-0.2)
        slope = torch.where(draw.normal(*shape) > 0, slope, -0.7 * slope)
        right = oracle(log_p, z, slope)
        expect(student.change_of_variables_1d(z, slope), right, name="log_p")

    def test_log_normal(self, student, draw, expect, oracle):
        """a logarithm: x is log-normal"""
        x = draw.uniform(6, low=0.1, high=5.0)
        z, slope = (torch.log(x) - 0.5) / 0.8, 1 / (0.8 * x)
        right = oracle(lambda x: LogNormal(0.5, 0.8).log_prob(x), x)
        expect(student.change_of_variables_1d(z, slope), right, name="log_p")

    def test_falling(self, student, draw, expect, oracle):
        """a falling straight line: x is normal"""
        x = draw.normal(6, mean=2.0)
        right = oracle(lambda x: Normal(2.0, 0.25).log_prob(x), x)
        slope = torch.full_like(x, -4.0)
        expect(student.change_of_variables_1d(4 * (2 - x), slope), right, name="log_p")

    @pytest.mark.parametrize("slope", [1e-4, -1e4], ids="slope={}".format)
    def test_steep_and_flat(self, student, draw, expect, oracle, slope):
        """very steep and very flat maps"""
        z = draw.normal(5)
        slope = slope * draw.uniform(5, low=0.5, high=2.0)
        right = oracle(log_p, z, slope)
        expect(student.change_of_variables_1d(z, slope), right, name="log_p")

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        z, slope = draw.layout(draw.normal(3, 4), kind), draw.uniform(3, 4, low=-2.0, high=-0.5)
        right = oracle(log_p, z, slope)
        expect(student.change_of_variables_1d(z, slope), right, name="log_p")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        z, slope = draw.normal(6, dtype=FLOAT32), draw.normal(6, dtype=FLOAT32)
        right = oracle(log_p, z, slope)
        expect(student.change_of_variables_1d(z, slope), right, name="log_p")

    @pytest.mark.part("underflow")
    def test_far_out(self, student, draw, expect, oracle):
        """densities that are 0 in floating point"""
        z, slope = 50 + 20 * draw.uniform(6), draw.uniform(6, low=0.5, high=2.0)
        z = z * numbers(draw, [1.0, -1.0] * 3)
        right = oracle(log_p, z, slope)
        expect(student.change_of_variables_1d(z, slope), right, name="underflow")


# --- coupling layers --------------------------------------------------------------------------

# (B, D, d): d smaller than, larger than and equal to D - d; odd D; a single example.
COUPLINGS = [(6, 5, 2), (4, 5, 3), (4, 4, 2), (1, 2, 1), (3, 7, 1), (5, 3, 2), (2, 6, 3)]


def coupling(scale, shift, d):
    def forward(x):
        s, t = scale(x[:, :d]), shift(x[:, :d])
        return torch.hstack((x[:, :d], torch.addcmul(t, x[:, d:], s.exp())))

    return forward


@pytest.mark.exercise("coupling_forward", parts={"y": 2, "log_det": 3, "stability": 1})
class TestCouplingForward:
    """Affine coupling layer"""

    def check(self, student, draw, support, expect, oracle, x, d, *, dtype=None):
        rest = x.shape[1] - d
        scale, plain_scale = tanh_net(draw, support, d, rest, dtype=dtype)
        shift, plain_shift = tanh_net(draw, support, d, rest, dtype=dtype)
        y, log_det = student.coupling_forward(x, scale, shift, d)
        right = oracle(with_log_det, coupling(plain_scale, plain_shift, d), x)
        expect(y, right[0], name="y")
        expect(log_det, right[1], name="log_det")

    @pytest.mark.parametrize("sizes", COUPLINGS, ids=str)
    def test_sizes(self, student, draw, support, expect, oracle, sizes):
        """random networks, of size (B, D, d)"""
        B, D, d = sizes
        self.check(student, draw, support, expect, oracle, draw.normal(B, D), d)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, support, expect, oracle, kind):
        """another memory layout"""
        x = draw.layout(draw.normal(4, 5), kind)
        self.check(student, draw, support, expect, oracle, x, 2)

    def test_float32(self, student, draw, support, expect, oracle):
        """float32"""
        x = draw.normal(5, 4, dtype=FLOAT32)
        self.check(student, draw, support, expect, oracle, x, 1, dtype=FLOAT32)

    def test_only_a_shift(self, student, draw, support, expect):
        """a scale network that answers 0: the volume is kept"""
        x, zeros = draw.normal(5, 4), draw.normal(2, 2) * 0
        scale, _ = affine_net(support, zeros, zeros[0])
        shift, plain = tanh_net(draw, support, 2, 2)
        y, log_det = student.coupling_forward(x, scale, shift, 2)
        expect(y, torch.cat([x[:, :2], x[:, 2:] + plain(x[:, :2])], dim=1), name="y")
        expect(log_det, x.new_zeros(5), name="log_det")

    def test_large_scales(self, student, draw, support, expect, oracle):
        """scales of about 20 and -20"""
        x, b = draw.normal(4, 5), numbers(draw, [20.0, -20.0, 18.0])
        scale, plain_scale = affine_net(support, draw.normal(3, 2), b)
        shift, plain_shift = tanh_net(draw, support, 2, 3)
        y, log_det = student.coupling_forward(x, scale, shift, 2)
        right = oracle(coupling(plain_scale, plain_shift, 2), x)
        expect(y, right, name="y")
        # The Jacobian is too ill-conditioned here; its diagonal is known.
        expect(log_det, oracle(lambda x: plain_scale(x[:, :2]).sum(1), x), name="log_det")

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("size", [60.0, -60.0], ids="s={}".format)
    def test_huge_volume(self, student, draw, support, expect, oracle, size):
        """a determinant that overflows or underflows, but none of its factors does"""
        x, b = draw.normal(3, 15), size + draw.normal(13)
        scale, plain = affine_net(support, draw.normal(13, 2), b)
        shift, _ = affine_net(support, draw.normal(13, 2), b)
        _, log_det = student.coupling_forward(x, scale, shift, 2)
        expect(log_det, oracle(lambda x: plain(x[:, :2]).sum(1), x), name="stability")


def coupling_back(scale, shift, d):
    def inverse(y):
        s, t = scale(y[:, :d]), shift(y[:, :d])
        return torch.hstack((y[:, :d], (y[:, d:] - t) / s.exp()))

    return inverse


@pytest.mark.exercise("coupling_inverse", parts={"x": 1})
class TestCouplingInverse:
    """Inverse of the coupling layer"""

    def check(self, student, draw, support, expect, oracle, y, d, *, dtype=None):
        rest = y.shape[1] - d
        scale, plain_scale = tanh_net(draw, support, d, rest, dtype=dtype)
        shift, plain_shift = tanh_net(draw, support, d, rest, dtype=dtype)
        right = oracle(coupling_back(plain_scale, plain_shift, d), y)
        expect(student.coupling_inverse(y, scale, shift, d), right)

    @pytest.mark.parametrize("sizes", COUPLINGS, ids=str)
    def test_sizes(self, student, draw, support, expect, oracle, sizes):
        """random networks, of size (B, D, d)"""
        B, D, d = sizes
        self.check(student, draw, support, expect, oracle, draw.normal(B, D), d)

    def test_round_trip(self, student, draw, support, expect, oracle):
        """what the layer makes of x comes back as x"""
        x = draw.normal(5, 5)
        scale, plain_scale = tanh_net(draw, support, 2, 3)
        shift, plain_shift = tanh_net(draw, support, 2, 3)
        y = oracle(coupling(plain_scale, plain_shift, 2), x)
        expect(student.coupling_inverse(y, scale, shift, 2), x)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, support, expect, oracle, kind):
        """another memory layout"""
        y = draw.layout(draw.normal(4, 5), kind)
        self.check(student, draw, support, expect, oracle, y, 3)

    def test_float32(self, student, draw, support, expect, oracle):
        """float32"""
        y = draw.normal(5, 4, dtype=FLOAT32)
        self.check(student, draw, support, expect, oracle, y, 1, dtype=FLOAT32)

    def test_large_scales(self, student, draw, support, expect, oracle):
        """scales of about 20 and -20"""
        y, b = draw.normal(4, 5), numbers(draw, [20.0, -20.0, 18.0])
        scale, plain_scale = affine_net(support, draw.normal(3, 2), b)
        shift, plain_shift = tanh_net(draw, support, 2, 3)
        right = oracle(coupling_back(plain_scale, plain_shift, 2), y)
        expect(student.coupling_inverse(y, scale, shift, 2), right)


# --- permutations -----------------------------------------------------------------------------

PERMUTATIONS = {
    "cycle of five": [1, 2, 3, 4, 0],
    "reversal": [4, 3, 2, 1, 0],
    "odd": [2, 0, 1, 4, 3],
    "identity": [0, 1, 2],
    "one coordinate": [0],
    "swap": [1, 0],
    "cycle of three": [1, 2, 0],
}


def permutation_matrix(permutation, like):
    return torch.eye(len(permutation), dtype=like.dtype, device=like.device)[permutation]


@pytest.mark.exercise("permute_forward", parts={"permutation": 1})
class TestPermuteForward:
    """Permutation layer"""

    def check(self, student, expect, x, permutation):
        y = torch.stack([x[:, int(j)] for j in permutation], dim=1)
        right = (y, torch.zeros(len(x), dtype=x.dtype, device=x.device))
        expect(student.permute_forward(x, permutation), right)

    @pytest.mark.parametrize("name", PERMUTATIONS)
    @pytest.mark.parametrize("B", [1, 3, 5], ids="B={}".format)
    def test_kinds(self, student, draw, expect, B, name):
        """batch sizes and kinds of permutations"""
        permutation = torch.tensor(PERMUTATIONS[name], device=draw.device)
        self.check(student, expect, draw.normal(B, len(permutation)), permutation)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, kind):
        """another memory layout"""
        permutation = draw.layout(torch.tensor([2, 0, 3, 1], device=draw.device), "strided")
        self.check(student, expect, draw.layout(draw.normal(3, 4), kind), permutation)

    @pytest.mark.parametrize("dtype", [torch.float64, FLOAT32], ids=str)
    def test_dtype(self, student, draw, expect, dtype):
        """dtype"""
        permutation = torch.tensor([2, 0, 3, 1], device=draw.device)
        self.check(student, expect, draw.normal(3, 4, dtype=dtype), permutation)


@pytest.mark.exercise("permute_inverse", parts={"x": 1})
class TestPermuteInverse:
    """Inverse of the permutation layer"""

    def check(self, student, expect, x, permutation, kind=None):
        y = (permutation_matrix(permutation, x) @ x.T).T
        expect(student.permute_inverse(y, permutation), x)

    @pytest.mark.parametrize("name", PERMUTATIONS)
    @pytest.mark.parametrize("B", [1, 3, 5], ids="B={}".format)
    def test_kinds(self, student, draw, expect, B, name):
        """batch sizes and kinds of permutations"""
        permutation = torch.tensor(PERMUTATIONS[name], device=draw.device)
        self.check(student, expect, draw.normal(B, len(permutation)), permutation)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, kind):
        """another memory layout"""
        permutation = torch.tensor([2, 0, 3, 1], device=draw.device)
        y = draw.layout(draw.normal(3, 4), kind)
        x = y @ permutation_matrix(permutation, y)
        expect(student.permute_inverse(y, draw.layout(permutation, "strided")), x)

    @pytest.mark.parametrize("dtype", [torch.float64, FLOAT32], ids=str)
    def test_dtype(self, student, draw, expect, dtype):
        """dtype"""
        permutation = torch.tensor([1, 2, 3, 0], device=draw.device)
        self.check(student, expect, draw.normal(3, 4, dtype=dtype), permutation)


# --- whole flows ------------------------------------------------------------------------------


def shear(x, c):
    return x + torch.cat([x[:, :1] * 0, torch.tanh(x[:, :1]) * c[1:]], dim=1)


def rotation(x, angle):
    turn = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    turn[0, 0] = turn[1, 1] = math.cos(angle)
    turn[1, 0], turn[0, 1] = math.sin(angle), -math.sin(angle)
    return x @ turn.T


FORMULAS = {
    "Triangular": lambda x, L, b: x @ L.to(x).T + b.to(x),
    "Sinh": torch.sinh,
    "Shear": lambda x, c: shear(x, c.to(x)),
    "Rotation": rotation,
}
INVERSES = {
    "Triangular": lambda y, L, b: (y - b.to(y)) @ torch.linalg.inv(L.to(y)).T,
    "Sinh": torch.asinh,
    "Shear": lambda y, c: shear(y, -c.to(y)),
    "Rotation": lambda y, angle: rotation(y, -angle),
}


def layer(draw, kind, D, dtype=None):
    """Return the name and the arguments of a random layer."""
    if kind == "Triangular":
        signs = 1 - 2.0 * draw.integers(D, high=2)
        diagonal = signs * draw.uniform(D, low=0.6, high=1.4, dtype=torch.float64)
        L = 0.4 * draw.normal(D, D, dtype=torch.float64).tril(-1) + torch.diag(diagonal)
        return kind, L.to(dtype or draw.dtype), draw.normal(D, std=0.4, dtype=dtype)
    if kind == "Shear":
        return kind, draw.normal(D, dtype=dtype)
    return (kind, 0.9) if kind == "Rotation" else (kind,)


def transform(specs):
    def forward(x):
        for name, *args in specs:
            x = FORMULAS[name](x, *args)
        return x

    return forward


def flow_density(specs, x):
    z, log_det = with_log_det(transform(specs), x)
    return Normal(0.0, 1.0).log_prob(z).sum(1) + log_det


def flow_draws(specs, z):
    x = z
    for name, *args in reversed(specs):
        x = INVERSES[name](x, *args)
    return x, flow_density(specs, x)


# (B, D, the layers)
FLOWS = [
    (5, 3, ["Triangular"]),
    (4, 4, ["Sinh", "Triangular"]),
    (4, 4, ["Triangular", "Sinh"]),
    (6, 2, ["Shear", "Triangular", "Sinh", "Rotation", "Triangular"]),
    (1, 3, ["Triangular", "Rotation", "Sinh"]),
    (5, 1, ["Triangular", "Sinh", "Triangular"]),
    (1, 1, ["Sinh"]),
    (3, 5, ["Sinh", "Shear", "Triangular", "Rotation"]),
    (3, 3, ["Triangular", "Triangular", "Triangular"]),
]


def flow_id(flow):
    return f"B={flow[0]}, D={flow[1]}, {' '.join(flow[2])}" if isinstance(flow, tuple) else None


@pytest.mark.exercise("flow_log_prob", parts={"base": 1, "log_prob": 3, "normalised": 1})
class TestFlowLogProb:
    """Log-likelihood under a flow"""

    def check(self, student, support, expect, oracle, x, specs, part="log_prob"):
        layers = [support.make(*spec) for spec in specs]
        right = oracle(flow_density, specs, x)
        expect(student.flow_log_prob(x, layers), right, name=part)

    @pytest.mark.parametrize("flow", FLOWS, ids=flow_id)
    def test_layers(self, student, draw, support, expect, oracle, flow):
        """random layers"""
        B, D, kinds = flow
        specs = [layer(draw, kind, D) for kind in kinds]
        self.check(student, support, expect, oracle, draw.normal(B, D, std=0.6), specs)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, support, expect, oracle, kind):
        """another memory layout"""
        specs = [layer(draw, one, 3) for one in ("Triangular", "Sinh")]
        x = draw.layout(draw.normal(4, 3, std=0.6), kind)
        self.check(student, support, expect, oracle, x, specs)

    def test_float32(self, student, draw, support, expect, oracle):
        """float32"""
        specs = [layer(draw, one, 3, FLOAT32) for one in ("Triangular", "Sinh")]
        x = draw.normal(4, 3, std=0.6, dtype=FLOAT32)
        self.check(student, support, expect, oracle, x, specs)

    @pytest.mark.part("base")
    @pytest.mark.parametrize("sizes", [(5, 3), (4, 4), (1, 2), (6, 1), (1, 1)], ids=str)
    def test_no_layer(self, student, draw, support, expect, oracle, sizes):
        """no layer"""
        self.check(student, support, expect, oracle, draw.normal(*sizes), [], "base")

    @pytest.mark.part("base")
    def test_constant_volume(self, student, draw, support, expect, oracle):
        """layers that keep the volume"""
        specs = [layer(draw, kind, 4) for kind in ("Shear", "Rotation", "Shear")]
        self.check(student, support, expect, oracle, draw.normal(5, 4), specs, "base")

    @pytest.mark.part("normalised")
    @pytest.mark.parametrize("kinds", ["Triangular Sinh", "Shear Triangular Rotation Sinh"])
    def test_grid(self, student, draw, support, expect, kinds):
        """the sum over a grid of the plane"""
        specs = [layer(draw, kind, 2) for kind in kinds.split()]
        axis = torch.linspace(-6, 6, 41, dtype=draw.dtype, device=draw.device)
        layers = [support.make(*spec) for spec in specs]
        log_prob = student.flow_log_prob(torch.cartesian_prod(axis, axis), layers)
        # A sum over a grid is no better than its spacing and its borders.
        total = 0.09 * torch.exp(log_prob.double()).sum()
        expect(float(total), 1.0, name="normalised", rtol=0, atol=5e-3)


@pytest.mark.exercise("flow_sample", parts={"x": 1, "log_prob": 1})
class TestFlowSample:
    """Samples of a flow"""

    def check(self, student, support, expect, oracle, z, specs):
        layers = [support.make(*spec) for spec in specs]
        x, log_prob = student.flow_sample(z, layers)
        right = oracle(flow_draws, specs, z)
        expect(x, right[0], name="x")
        expect(log_prob, right[1], name="log_prob")

    @pytest.mark.parametrize("flow", FLOWS, ids=flow_id)
    def test_layers(self, student, draw, support, expect, oracle, flow):
        """random layers"""
        B, D, kinds = flow
        specs = [layer(draw, kind, D) for kind in kinds]
        self.check(student, support, expect, oracle, draw.normal(B, D), specs)

    @pytest.mark.parametrize("sizes", [(4, 3), (3, 3), (1, 2)], ids=str)
    def test_no_layer(self, student, draw, support, expect, oracle, sizes):
        """no layer"""
        self.check(student, support, expect, oracle, draw.normal(*sizes), [])

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, support, expect, oracle, kind):
        """another memory layout"""
        specs = [layer(draw, one, 3) for one in ("Triangular", "Sinh")]
        z = draw.layout(draw.normal(4, 3), kind)
        self.check(student, support, expect, oracle, z, specs)

    def test_float32(self, student, draw, support, expect, oracle):
        """float32"""
        specs = [layer(draw, one, 3, FLOAT32) for one in ("Triangular", "Sinh")]
        self.check(student, support, expect, oracle, draw.normal(4, 3, dtype=FLOAT32), specs)


# --- masks ------------------------------------------------------------------------------------


def masked_coupling(mask, scale, shift):
    passed = mask.bool()

    def forward(x):
        seen = torch.where(passed, x, torch.zeros_like(x))
        return torch.where(passed, x, x * scale(seen).exp() + shift(seen))

    return forward


@pytest.mark.exercise("masked_coupling_forward", parts={"y": 1, "log_det": 1})
class TestMaskedCouplingForward:
    """Coupling layer with a mask"""

    def check(self, student, draw, support, expect, oracle, x, mask, *, dtype=None):
        D = x.shape[1]
        scale, plain_scale = tanh_net(draw, support, D, D, dtype=dtype)
        shift, plain_shift = tanh_net(draw, support, D, D, dtype=dtype)
        y, log_det = student.masked_coupling_forward(x, mask, scale, shift)
        right = oracle(with_log_det, masked_coupling(mask, plain_scale, plain_shift), x)
        expect(y, right[0], name="y")
        expect(log_det, right[1], name="log_det")

    @pytest.mark.parametrize(
        "mask",
        [[1, 1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1], [1, 0], [0, 1, 1, 1], [0, 0, 0], [0]],
        ids=str,
    )
    @pytest.mark.parametrize("B", [4, 1], ids="B={}".format)
    def test_masks(self, student, draw, support, expect, oracle, B, mask):
        """batch sizes and masks"""
        x, mask = draw.normal(B, len(mask)), numbers(draw, mask)
        self.check(student, draw, support, expect, oracle, x, mask)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, support, expect, oracle, kind):
        """another memory layout"""
        x, mask = draw.layout(draw.normal(4, 5), kind), numbers(draw, [1, 0, 0, 1, 0])
        mask = draw.layout(mask, "strided")
        self.check(student, draw, support, expect, oracle, x, mask)

    def test_float32(self, student, draw, support, expect, oracle):
        """float32"""
        x, mask = draw.normal(3, 4, dtype=FLOAT32), torch.tensor([1.0, 0.0, 0.0, 1.0])
        self.check(student, draw, support, expect, oracle, x, mask.to(x), dtype=FLOAT32)


# --- Glow -------------------------------------------------------------------------------------

IMAGES = [(2, 3, 2, 4), (1, 2, 3, 1), (2, 2, 2, 2), (3, 1, 2, 3), (2, 4, 1, 1), (1, 1, 1, 1)]


def either_sign(draw, size, dtype=None):
    values = draw.uniform(size, low=0.3, high=2.5, dtype=dtype)
    return values * (1 - 2 * draw.integers(size, high=2)).to(values)


def mapped_images(f, x):
    """Return f(x) and log |det| of its Jacobian for each image."""
    shape = x.shape[1:]
    y, log_det = with_log_det(lambda r: f(r.view(-1, *shape)).flatten(1), x.flatten(1))
    return y.view(x.shape), log_det


@pytest.mark.exercise("actnorm_forward", parts={"y": 1, "log_det": 2})
class TestActnormForward:
    """Activation normalisation"""

    def check(self, student, expect, oracle, x, scale, bias):
        def f(x):
            return torch.einsum("bchw,c->bchw", x, scale.to(x)) + bias.to(x)[:, None, None]

        y, log_det = student.actnorm_forward(x, scale, bias)
        right = oracle(mapped_images, f, x)
        expect(y, right[0], name="y")
        expect(log_det, right[1], name="log_det")

    @pytest.mark.parametrize("sizes", IMAGES, ids=str)
    def test_either_sign(self, student, draw, expect, oracle, sizes):
        """scales of either sign, images of size (B, C, H, W)"""
        scale, bias = either_sign(draw, sizes[1]), draw.normal(sizes[1])
        self.check(student, expect, oracle, draw.normal(*sizes), scale, bias)

    @pytest.mark.parametrize("sizes", IMAGES[:3], ids=str)
    def test_positive(self, student, draw, expect, oracle, sizes):
        """positive scales, images of size (B, C, H, W)"""
        scale, bias = draw.uniform(sizes[1], low=0.3, high=2.5), draw.normal(sizes[1])
        self.check(student, expect, oracle, draw.normal(*sizes), scale, bias)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x, scale = draw.layout(draw.normal(2, 3, 2, 4), kind), either_sign(draw, 3)
        bias = draw.layout(draw.normal(3), "strided")
        self.check(student, expect, oracle, x, draw.layout(scale, "strided"), bias)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x, scale = draw.normal(2, 3, 2, 2, dtype=FLOAT32), either_sign(draw, 3, FLOAT32)
        self.check(student, expect, oracle, x, scale, draw.normal(3, dtype=FLOAT32))


@pytest.mark.exercise("invertible_conv1x1_forward", parts={"y": 1, "log_det": 1})
class TestInvertibleConv1x1Forward:
    """Invertible 1x1 convolution"""

    def factors(self, draw, C, dtype=None):
        eye = torch.eye(C, dtype=dtype or draw.dtype, device=draw.device)
        L = draw.normal(C, C, std=0.7, dtype=dtype).tril(-1) + eye
        U = draw.normal(C, C, std=0.7, dtype=dtype).triu(1)
        return L, U + torch.diag(either_sign(draw, C, dtype))

    def check(self, student, expect, oracle, x, permutation, L, U):
        def f(x):
            weight = permutation_matrix(permutation, x) @ L.to(x) @ U.to(x)
            return torch.nn.functional.conv2d(x, weight[:, :, None, None])

        y, log_det = student.invertible_conv1x1_forward(x, permutation, L, U)
        right = oracle(mapped_images, f, x)
        expect(y, right[0], name="y")
        expect(log_det, right[1], name="log_det")

    @pytest.mark.parametrize("sizes", IMAGES, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random factors, images of size (B, C, H, W)"""
        # A cycle, which is not its own inverse for C > 2.
        permutation = (torch.arange(sizes[1], device=draw.device) + 1) % sizes[1]
        x, factors = draw.normal(*sizes), self.factors(draw, sizes[1])
        self.check(student, expect, oracle, x, permutation, *factors)

    @pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [2, 0, 1]], ids=str)
    def test_permutations(self, student, draw, expect, oracle, order):
        """other permutations"""
        permutation = torch.tensor(order, device=draw.device)
        x, factors = draw.normal(2, 3, 2, 2), self.factors(draw, 3)
        self.check(student, expect, oracle, x, permutation, *factors)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x, (L, U) = draw.layout(draw.normal(2, 3, 2, 4), kind), self.factors(draw, 3)
        permutation = draw.layout(torch.tensor([1, 2, 0], device=draw.device), "strided")
        L, U = draw.layout(L, "transposed"), draw.layout(U, "strided")
        self.check(student, expect, oracle, x, permutation, L, U)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x, factors = draw.normal(2, 3, 2, 2, dtype=FLOAT32), self.factors(draw, 3, FLOAT32)
        permutation = torch.tensor([1, 2, 0], device=draw.device)
        self.check(student, expect, oracle, x, permutation, *factors)


# --- autoregressive flows ---------------------------------------------------------------------

BATCHES = [(5, 4), (3, 3), (1, 5), (6, 2), (4, 1), (2, 6)]


def autoregressive_net(draw, support, D, dtype=None):
    """Return a random masked network of the student's, and its formula."""
    params = [draw.normal(D, D, dtype=dtype).tril(-1), draw.normal(D, dtype=dtype)]
    params += [0.7 * draw.normal(D, D, dtype=dtype).tril(-1), draw.normal(D, std=0.5, dtype=dtype)]

    def plain(x):
        W_mu, b_mu, W_alpha, b_alpha = (param.to(x) for param in params)
        return torch.tanh(x) @ W_mu.T + b_mu, torch.tanh(x) @ W_alpha.T + b_alpha

    return support.make("autoregressive_net", *params), plain


def standardised(net):
    def forward(x):
        mu, alpha = net(x)
        return (x - mu) / alpha.exp()

    return forward


@pytest.mark.exercise("maf_forward", parts={"z": 1, "log_det": 1})
class TestMafForward:
    """Masked autoregressive flow, from data to latent"""

    def check(self, student, draw, support, expect, oracle, x, dtype=None):
        net, plain = autoregressive_net(draw, support, x.shape[1], dtype)
        z, log_det = student.maf_forward(x, net)
        right = oracle(with_log_det, standardised(plain), x)
        expect(z, right[0], name="z")
        expect(log_det, right[1], name="log_det")

    @pytest.mark.parametrize("sizes", BATCHES, ids=str)
    def test_sizes(self, student, draw, support, expect, oracle, sizes):
        """random network, of size (B, D)"""
        self.check(student, draw, support, expect, oracle, draw.normal(*sizes))

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, support, expect, oracle, kind):
        """another memory layout"""
        self.check(student, draw, support, expect, oracle, draw.layout(draw.normal(4, 3), kind))

    def test_float32(self, student, draw, support, expect, oracle):
        """float32"""
        x = draw.normal(4, 3, dtype=FLOAT32)
        self.check(student, draw, support, expect, oracle, x, FLOAT32)


def coordinate_by_coordinate(net, z):
    """Return x and the log-determinant of z -> x, which autograd finds through the recursion."""

    def inverse(z):
        columns = []
        for i in range(z.shape[1]):
            known = torch.stack([*columns, *z.T[i:] * 0], dim=1)
            mu, alpha = net(known)
            columns.append(z[:, i] * alpha[:, i].exp() + mu[:, i])
        return torch.stack(columns, dim=1)

    return with_log_det(inverse, z)


@pytest.mark.exercise("maf_inverse", parts={"x": 2, "log_det": 1})
class TestMafInverse:
    """Masked autoregressive flow, from latent to data"""

    def check(self, student, draw, support, expect, oracle, z, dtype=None):
        net, plain = autoregressive_net(draw, support, z.shape[1], dtype)
        x, log_det = student.maf_inverse(z, net)
        right = oracle(coordinate_by_coordinate, plain, z)
        expect(x, right[0], name="x")
        expect(log_det, right[1], name="log_det")

    @pytest.mark.parametrize("sizes", BATCHES, ids=str)
    def test_sizes(self, student, draw, support, expect, oracle, sizes):
        """random network, of size (B, D)"""
        self.check(student, draw, support, expect, oracle, draw.normal(*sizes))

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, support, expect, oracle, kind):
        """another memory layout"""
        self.check(student, draw, support, expect, oracle, draw.layout(draw.normal(4, 3), kind))

    def test_float32(self, student, draw, support, expect, oracle):
        """float32"""
        z = draw.normal(4, 3, dtype=FLOAT32)
        self.check(student, draw, support, expect, oracle, z, FLOAT32)


# --- training ---------------------------------------------------------------------------------


def two_moons(draw, n):
    """Return `n` points on two moons, turned by 45 degrees, with mean 0 and variance 1.

    In float64, whatever the run: what is judged is a flow, not its rounding.
    """
    angle = math.pi * draw.uniform(n, dtype=torch.float64)
    moon = torch.stack([angle.sin(), angle.cos()], dim=1)
    moon[1::2] = torch.tensor([0.5, 1.0], dtype=torch.float64) - moon[1::2]
    moon = moon + draw.normal(n, 2, std=0.05, dtype=torch.float64)
    v, u = ((moon - torch.tensor([0.25, 0.5])) / torch.tensor([0.499, 0.868])).unbind(1)
    return torch.stack([(v - u) / 1.698, (v + u) / 1.047], dim=1)


def surprise(z, log_det):
    """Return the mean of -log p, coarsely: training is not repeatable to the last digit."""
    nll = -float((Normal(0.0, 1.0).log_prob(z).sum(1) + log_det).mean())
    if nll < 2.5:
        return "below 2.5 nats"
    return "between 2.5 and 3.5 nats" if nll < 3.5 else "above 3.5 nats"


STEP = 0.002


def with_neighbours(x):
    """Return `x`, then the first 30 points moved a little: right, left, up, down."""
    moves = STEP * torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    return torch.cat([x, *(x[:30] + move for move in moves)])


def honesty(z, log_det, n):
    """Say whether log_det is what the neighbours show, for most of the first 30 points."""
    right, left, up, down = z[n:].chunk(4)
    jacobian = torch.stack([right - left, up - down], dim=2) / (2 * STEP)
    seen = torch.linalg.slogdet(jacobian).logabsdet
    error = float(torch.abs(seen - log_det[:30]).median())
    return "log_det fits z" if error < 0.1 else "log_det does not fit z"


@pytest.mark.exercise("train_flow", parts={"density": 3, "generator": 1})
class TestTrainFlow:
    """Training a flow"""

    @pytest.mark.part("density")
    def test_two_moons(self, student, draw, expect):
        """mean of -log p on new points of two other moons, and finite differences for log_det"""
        x, new = two_moons(draw, 500), two_moons(draw, 1000)
        z, log_det = student.train_flow(x, with_neighbours(new), 150, draw.generator())
        z, log_det = z.double(), log_det.double()
        expect(surprise(z[:1000], log_det[:1000]), "below 2.5 nats", name="density")
        expect(honesty(z, log_det, 1000), "log_det fits z", name="density")

    @pytest.mark.part("generator")
    def test_generator(self, student, draw, expect):
        """the same generator state, the same flow; another state, another flow"""
        x, one, other = two_moons(draw, 30), draw.generator(), draw.generator()
        first, again, different, later = (
            student.train_flow(x, x, 2, generator)[0]
            for generator in (one, one, other, draw.advanced(one))
        )
        same = "the same" if torch.allclose(again, first) else "another one"
        expect(same, "the same", name="generator")
        for flow in (different, later):
            same = "the same" if torch.allclose(flow, first) else "another one"
            expect(same, "another one", name="generator")
