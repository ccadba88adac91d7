"""LayerNorm: shift each row to mean 0 and scale it to variance 1, then apply gains and offsets.

mean = sum of x / D,    variance = sum of (x - mean)^2 / D,    std = sqrt(variance + epsilon)
z = (x - mean) / std,    y = gamma z + beta    (Ba, Kiros and Hinton 2016, eq. 3 and 4)

Rows have D numbers; gamma and beta are D numbers that all rows share. The array version is
`layer_norm` in `arrays/layers.py`.
"""

from handcalc.calculation import (
    TYPE_CHECKING,
    Calculation,
    Matrix,
    Name,
    Vector,
    column_sums,
    dot,
    plus,
    transpose,
)

if TYPE_CHECKING:
    from handcalc.calculation import Back

EPSILON = 1e-5  # keeps the norm from dividing by zero


def mean(x: Vector) -> float:
    """Return the mean: the sum of the numbers divided by their count."""
    total = x[0]
    for number in x[1:]:
        total = total + number
    return total / len(x)


def means(x: Matrix) -> Vector:
    """mean[t] = sum over i of x[t][i] / D."""
    return [mean(row) for row in x]


def variances(x: Matrix, means: Vector) -> Vector:
    """variance[t] = sum over i of (x[t][i] - mean[t])^2 / D."""
    return [mean([(number - m) * (number - m) for number in row]) for row, m in zip(x, means)]


def standard_deviations(variances: Vector, epsilon: float) -> Vector:
    """std[t] = sqrt(variance[t] + epsilon)."""
    return [(variance + epsilon) ** 0.5 for variance in variances]


def standardise(x: Matrix, means: Vector, stds: Vector) -> Matrix:
    """z[t][i] = (x[t][i] - mean[t]) / std[t]."""
    return [[(number - m) / std for number in row] for row, m, std in zip(x, means, stds)]


def standardise_backward(z: Matrix, stds: Vector, z_grad: Matrix, *others: Matrix) -> Matrix:
    """x.grad[i] = (z.grad[i] - mean of z.grad - z[i] mean of (z.grad z)) / std.

    A change of x[i] also moves the mean and the variance, and so every z of its row. `others` are
    gradients that reach x along other paths; they are added.
    """
    x_grad: Matrix = []
    for row, std, gradients in zip(z, stds, z_grad):
        by_mean = mean(gradients)
        by_variance = dot(gradients, row) / len(row)
        x_grad.append([(g - by_mean - x * by_variance) / std for g, x in zip(gradients, row)])
    return plus(x_grad, *others)


def scale_and_shift(z: Matrix, gamma: Vector, beta: Vector) -> Matrix:
    """y[t][i] = gamma[i] z[t][i] + beta[i]."""
    return [[g * number + b for number, g, b in zip(row, gamma, beta)] for row in z]


def scale_and_shift_backward(
    z: Matrix, gamma: Vector, y_grad: Matrix
) -> "tuple[Matrix, Vector, Vector]":
    """z.grad = gamma y.grad;  gamma.grad = sum over t of y.grad z;  beta.grad = sum of y.grad."""
    z_grad = [[g * gradient for g, gradient in zip(gamma, row)] for row in y_grad]
    gamma_grad = [dot(gradients, zs) for gradients, zs in zip(transpose(y_grad), transpose(z))]
    return z_grad, gamma_grad, column_sums(y_grad)


def layer_norm(c: Calculation, x: Name, suffix: str) -> "tuple[Name, Back]":
    """Add the lines of N = LN(x); `back` adds those of the gradients.

    A block with several norms tells them apart by the suffix of their names: "", ".0", ".1", ...
    """
    gamma, beta = "gamma" + suffix, "beta" + suffix
    mean = c.line("mean" + suffix, means, x)
    variance = c.line("variance" + suffix, variances, x, mean)
    std = c.line("std" + suffix, standard_deviations, variance, "epsilon")
    z = c.line("Z" + suffix, standardise, x, mean, std)
    n = c.line("N" + suffix, scale_and_shift, z, gamma, beta)

    def back(n_grad: Name, *others: Name) -> Name:
        """Return x.grad; `others` are gradients that reach x along other paths."""
        names = [name + ".grad" for name in (z, gamma, beta)]
        z_grad, _, _ = c.tuple_line(names, scale_and_shift_backward, z, gamma, n_grad)
        return c.line(x + ".grad", standardise_backward, z, std, z_grad, *others)

    return n, back
