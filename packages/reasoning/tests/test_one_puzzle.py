import dataclasses

import torch

from gpt.policy.policy import make_reference
from reasoning.grpo.config import GRPOHyperparameters
from reasoning.grpo.one_puzzle import start_policy, train_on_puzzle, winning_chance
from reasoning.grpo.rewards import countdown_reward
from reasoning.tasks.countdown import Puzzle

PUZZLE = Puzzle((4, 5, 7, 9), 24)
SIZES = GRPOHyperparameters(n_phases=1, prompts_per_phase=1, group_size=8)


def test_right_answers_are_made_likelier_and_with_the_wrong_sign_less_likely():
    torch.set_num_threads(1)
    before, after = winning_chance(start_policy(), PUZZLE), []
    for sign in (1, -1):

        def reward(prompt, answers, sign=sign):
            return [sign * score for score in countdown_reward(prompt, answers)]

        policy = start_policy()
        [phase] = train_on_puzzle(policy, PUZZLE, reward, SIZES)
        assert 0 < abs(phase.record.score) < 1 and phase.record.flat == 0
        assert phase.chance == winning_chance(policy, PUZZLE)
        after.append(phase.chance)
    assert after[0] > before > after[1]


def test_a_flat_reward_moves_weights_through_the_kl_only():
    torch.set_num_threads(1)

    def flat(prompt, answers):
        return [0.7] * len(answers)

    policy, start = start_policy(), start_policy()
    sizes = dataclasses.replace(SIZES, group_size=16)  # the mean of 16 times 0.7 is inexact
    [phase] = train_on_puzzle(policy, PUZZLE, flat, sizes)
    assert phase.record.grad_norm == 0
    assert all(map(torch.equal, policy.parameters(), start.parameters()))
    with torch.no_grad():
        policy.head_weight.mul_(1.1)
    pulled = dataclasses.replace(sizes, kl_coef=1.0)
    [phase] = train_on_puzzle(policy, PUZZLE, flat, pulled, make_reference(start))
    assert phase.record.grad_norm > 0 and phase.record.kl != 0
