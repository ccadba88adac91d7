"""The feed-forward layer: two matrix products with a GELU between them, for each position alike.

F = GELU(x W_1^T + b_1) W_2^T + b_2    (Vaswani et al. 2017, eq. 2, with GELU instead of ReLU)

W_1 and W_2 are stored as outputs x inputs. The array version is `arrays/feed_forward.py`.
"""

from handcalc.calculation import (
    TYPE_CHECKING,
    Calculation,
    Matrix,
    Name,
    Vector,
    column_sums,
    plus,
    tanh,
    times,
    times_transposed,
    transposed_times,
)

if TYPE_CHECKING:
    from handcalc.calculation import Back

ROOT, CUBE = 0.7978845608028654, 0.044715  # sqrt(2 / pi)


def gelu(x: float) -> float:
    """Return GELU(x), a smooth ReLU, in its tanh form.

    y = x/2 (1 + tanh(u)),    u = sqrt(2/pi) (x + 0.044715 x^3)

    The approximation of Hendrycks and Gimpel 2016, section 2, which GPT-2 uses.
    """
    return 0.5 * x * (1.0 + tanh(ROOT * (x + CUBE * x * x * x)))


def gelu_slope(x: float) -> float:
    """Return the derivative of `gelu`, that is of the tanh form and not of the exact GELU.

    dy/dx = (1 + tanh(u))/2 + x/2 (1 - tanh(u)^2) du/dx,    du/dx = sqrt(2/pi) (1 + 3 0.044715 x^2)
    """
    t = tanh(ROOT * (x + CUBE * x * x * x))
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * ROOT * (1.0 + 3.0 * CUBE * x * x)


def relu(x: float) -> float:
    """Return max(x, 0), the rectified linear unit."""
    return x if x > 0.0 else 0.0


def relu_slope(x: float) -> float:
    """Return the derivative of ReLU: 1 above zero, 0 below, and 0 by convention at zero."""
    return 1.0 if x > 0.0 else 0.0


def gelu_rows(h: Matrix) -> Matrix:
    """G[t][f] = GELU(H[t][f]), for each number by itself."""
    return [[gelu(x) for x in row] for row in h]


def gelu_rows_backward(h: Matrix, g_grad: Matrix) -> Matrix:
    """H.grad[t][f] = G.grad[t][f] GELU'(H[t][f])."""
    return [
        [gradient * gelu_slope(x) for x, gradient in zip(row, gradients)]
        for row, gradients in zip(h, g_grad)
    ]


def affine(x: Matrix, w: Matrix, b: Vector) -> Matrix:
    """y[t][o] = sum over i of x[t][i] W[o][i], plus b[o]."""
    return [[number + offset for number, offset in zip(row, b)] for row in times_transposed(x, w)]


def times_plus(a: Matrix, b: Matrix, *others: Matrix) -> Matrix:
    """The product A B, plus the other matrices."""
    return plus(times(a, b), *others)


def feed_forward(c: Calculation, x: Name) -> "tuple[Name, Back]":
    """Add the lines of F = GELU(x W_1^T + b_1) W_2^T + b_2; `back` adds those of the gradients."""
    h = c.line("H", affine, x, "W_1", "b_1")
    g = c.line("G", gelu_rows, h)
    f = c.line("F", affine, g, "W_2", "b_2")

    def back(f_grad: Name, *others: Name) -> Name:
        """Return x.grad; `others` are gradients that reach x along other paths."""
        c.line("W_2.grad", transposed_times, f_grad, g)
        c.line("b_2.grad", column_sums, f_grad)
        g_grad = c.line("G.grad", times, f_grad, "W_2")
        h_grad = c.line("H.grad", gelu_rows_backward, h, g_grad)
        c.line("W_1.grad", transposed_times, h_grad, x)
        c.line("b_1.grad", column_sums, h_grad)
        return c.line(x + ".grad", times_plus, h_grad, "W_1", *others)

    return f, back
