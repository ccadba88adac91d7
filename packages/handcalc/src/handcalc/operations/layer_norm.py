"""LayerNorm: a row is moved to mean 0 and stretched to variance 1, then given gains and offsets.

mean = sum of x / D,    variance = sum of (x - mean)^2 / D,    std = sqrt(variance + epsilon)
z = (x - mean) / std,    y = gamma z + beta    (Ba, Kiros and Hinton 2016, eq. 3 and 4)

Rows have D numbers; gamma and beta are D numbers that all rows share.
"""

from handcalc.operations.matrices import Matrix, Vector, column_sums, dot, plus, transpose


def mean(x: Vector) -> float:
    """The sum of the numbers over how many they are."""
    total = x[0]
    for each in x[1:]:
        total = total + each
    return total / len(x)


def means(x: Matrix) -> Vector:
    """mean[t] = sum over i of x[t][i] / D."""
    return [mean(row) for row in x]


def variances(x: Matrix, means: Vector) -> Vector:
    """variance[t] = sum over i of (x[t][i] - mean[t])^2 / D."""
    return [mean([(each - m) * (each - m) for each in row]) for row, m in zip(x, means)]


def deviations(variances: Vector, epsilon: float) -> Vector:
    """std[t] = sqrt(variance[t] + epsilon)."""
    return [(variance + epsilon) ** 0.5 for variance in variances]


def standardised(x: Matrix, means: Vector, stds: Vector) -> Matrix:
    """z[t][i] = (x[t][i] - mean[t]) / std[t]."""
    return [[(each - m) / std for each in row] for row, m, std in zip(x, means, stds)]


def gained(z: Matrix, gamma: Vector, beta: Vector) -> Matrix:
    """y[t][i] = gamma[i] z[t][i] + beta[i]."""
    return [[g * each + b for each, g, b in zip(row, gamma, beta)] for row in z]


def gained_backward(z: Matrix, gamma: Vector, y_grad: Matrix) -> "tuple[Matrix, Vector, Vector]":
    """z.grad = gamma y.grad;  gamma.grad = sum over t of y.grad z;  beta.grad = that of y.grad."""
    z_grad = [[g * each for g, each in zip(gamma, row)] for row in y_grad]
    gamma_grad = [dot(gradients, zs) for gradients, zs in zip(transpose(y_grad), transpose(z))]
    return z_grad, gamma_grad, column_sums(y_grad)


def standardised_backward(z: Matrix, stds: Vector, z_grad: Matrix, *others: Matrix) -> Matrix:
    """x.grad[i] = (z.grad[i] - mean of z.grad - z[i] mean of (z.grad z)) / std.

    What changes x[i] moves the mean and the variance too, and so every z of its row. `others` are
    gradients that reach x by other ways; they are added.
    """
    rows = [standardised_row_backward(*given) for given in zip(z, stds, z_grad)]
    return plus(rows, *others)


def standardised_row_backward(z: Vector, std: float, z_grad: Vector) -> Vector:
    """One row of it."""
    moved = mean(z_grad)
    stretched = dot(z_grad, z) / len(z)
    return [(gradient - moved - each * stretched) / std for gradient, each in zip(z_grad, z)]
