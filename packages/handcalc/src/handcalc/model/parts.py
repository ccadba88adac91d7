"""The parts of a block, forward and backward, as lines of a calculation.

Each function adds the lines of one part; its twin adds those of the gradients, in the opposite
order. The gradient of the loss at a tensor is called like the tensor, with `.grad`.
"""

from handcalc.model.calculation import Calculation
from handcalc.operations.activations import gelu_rows, gelu_rows_backward
from handcalc.operations.attention import (
    attention_weights,
    attention_weights_backward,
    gathered,
    gathered_backward,
    scaled_scores,
    scaled_scores_backward,
)
from handcalc.operations.layer_norm import (
    deviations,
    gained,
    gained_backward,
    means,
    standardised,
    standardised_backward,
    variances,
)
from handcalc.operations.matrices import (
    Matrix,
    Vector,
    column_sums,
    plus,
    side_by_side,
    split,
    times,
    times_transposed,
    transposed_times,
)


def attention(c: Calculation, x: str) -> None:
    """M = (O of all heads, side by side) W_O^T, from the rows called x."""
    heads = range(c.values["n_heads"])
    of_heads = [f"{letter}.{h}" for letter in "QKV" for h in heads]
    c.line(" ".join(of_heads), projected, x, *[f"W_{name}" for name in of_heads])
    for h in heads:
        c.line(f"QK.{h}", times_transposed, f"Q.{h}", f"K.{h}")
        c.line(f"S.{h}", scaled_scores, f"QK.{h}", "d_k")
        c.line(f"A.{h}", attention_weights, f"S.{h}")
        c.line(f"O.{h}", gathered, f"A.{h}", f"V.{h}")
    c.line("C", side_by_side, *[f"O.{h}" for h in heads])
    c.line("M", times_transposed, "C", "W_O")


def attention_backward(c: Calculation, x: str, m_grad: str, *others: str) -> None:
    """x.grad from the gradient at M; `others` reach x by other ways, and are added."""
    heads = range(c.values["n_heads"])
    c.line("W_O.grad", transposed_times, m_grad, "C")
    c.line("C.grad", times, m_grad, "W_O")
    c.line(" ".join([f"O.{h}.grad" for h in heads]), split, "C.grad", "n_heads")
    for h in heads:
        c.line(f"A.{h}.grad V.{h}.grad", gathered_backward, f"A.{h}", f"V.{h}", f"O.{h}.grad")
        c.line(f"S.{h}.grad", attention_weights_backward, f"A.{h}", f"A.{h}.grad")
        c.line(f"QK.{h}.grad", scaled_scores_backward, f"S.{h}.grad", "d_k")
        c.line(f"Q.{h}.grad", times, f"QK.{h}.grad", f"K.{h}")
        c.line(f"K.{h}.grad", transposed_times, f"QK.{h}.grad", f"Q.{h}")
    of_heads = [f"{letter}.{h}" for letter in "QKV" for h in heads]
    weights, gradients = [f"W_{name}" for name in of_heads], [f"{name}.grad" for name in of_heads]
    c.line(" ".join([f"{w}.grad" for w in weights]), projections_of, x, *gradients)
    c.line(f"{x}.grad", projected_backward, "n_heads", *gradients, *weights, *others)


def projected(x: Matrix, *weights: Matrix) -> "tuple[Matrix, ...]":
    """Q = X W_Q, K = X W_K, V = X W_V for each head: one product with all weights side by side."""
    return split(times(x, side_by_side(*weights)), len(weights))


def projections_of(x: Matrix, *gradients: Matrix) -> "tuple[Matrix, ...]":
    """W.grad = X^T Y.grad for Y = X W, again for all at once."""
    return split(transposed_times(x, side_by_side(*gradients)), len(gradients))


def projected_backward(n_heads: int, *matrices: Matrix) -> Matrix:
    """X.grad = sum over Y = X W of Y.grad W^T, plus what reaches X by other ways.

    The Y.grad come first, then the W; side by side they are one product.
    """
    n = 3 * n_heads
    product = times_transposed(side_by_side(*matrices[:n]), side_by_side(*matrices[n : 2 * n]))
    return plus(product, *matrices[2 * n :])


def feed_forward(c: Calculation, x: str) -> None:
    """F = GELU(x W_1^T + b_1) W_2^T + b_2    (Vaswani et al. 2017, eq. 2, with GELU)."""
    c.line("H", affine, x, "W_1", "b_1")
    c.line("G", gelu_rows, "H")
    c.line("F", affine, "G", "W_2", "b_2")


def feed_forward_backward(c: Calculation, x: str, f_grad: str, *others: str) -> None:
    """x.grad from the gradient at F; `others` reach x by other ways, and are added."""
    c.line("W_2.grad", transposed_times, f_grad, "G")
    c.line("b_2.grad", column_sums, f_grad)
    c.line("G.grad", times, f_grad, "W_2")
    c.line("H.grad", gelu_rows_backward, "H", "G.grad")
    c.line("W_1.grad", transposed_times, "H.grad", x)
    c.line("b_1.grad", column_sums, "H.grad")
    c.line(f"{x}.grad", times_plus, "H.grad", "W_1", *others)


def times_plus(a: Matrix, b: Matrix, *others: Matrix) -> Matrix:
    """A B, plus the others."""
    return plus(times(a, b), *others)


def affine(x: Matrix, w: Matrix, b: Vector) -> Matrix:
    """y[t][o] = sum over i of x[t][i] W[o][i], plus b[o]."""
    return [[each + offset for each, offset in zip(row, b)] for row in times_transposed(x, w)]


def norm(c: Calculation, x: str, n: str) -> None:
    """The rows called x, normalised; n is what is written behind the names, "" or ".0" and on."""
    c.line(f"mean{n}", means, x)
    c.line(f"variance{n}", variances, x, f"mean{n}")
    c.line(f"std{n}", deviations, f"variance{n}", "epsilon")
    c.line(f"Z{n}", standardised, x, f"mean{n}", f"std{n}")
    c.line(f"N{n}", gained, f"Z{n}", f"gamma{n}", f"beta{n}")


def norm_backward(c: Calculation, x: str, n: str, *others: str) -> None:
    """x.grad from N.grad; `others` reach x by other ways, and are added."""
    c.line(
        f"Z{n}.grad gamma{n}.grad beta{n}.grad", gained_backward, f"Z{n}", f"gamma{n}", f"N{n}.grad"
    )
    c.line(f"{x}.grad", standardised_backward, f"Z{n}", f"std{n}", f"Z{n}.grad", *others)
