import numpy as np

from reasoning.tasks.chain import Chain, sample_chain


def test_results_go_from_left_to_right():
    assert Chain(7, (("+", 12), ("*", 3), ("-", 20))).results() == [19, 57, 37]


def test_every_result_of_a_sampled_chain_is_a_token():
    random = np.random.default_rng(0)
    chains = [
        sample_chain(random, n_operations, 12) for n_operations in (1, 4, 8) for _ in range(200)
    ]
    results = [result for chain in chains for result in chain.results()]
    assert min(results) >= 1 and max(results) <= 199 and max(results) > 150
    operands = [operand for chain in chains for _, operand in chain.operations]
    assert min(operands) == 1 and max(operands) == 12
    operators = [operator for chain in chains for operator, _ in chain.operations]
    assert all(operators.count(operator) > 300 for operator in "+-*")
    assert ("*", 1) not in {step for chain in chains for step in chain.operations}
