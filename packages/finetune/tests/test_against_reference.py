"""True reward and KL of sampled answers."""

import pytest
import torch

from finetune.assistant.assistant import load_assistant
from finetune.datasets.questions import Question
from finetune.evaluation.against_reference import (
    KL_BATCH_SIZE,
    answer_kl,
    evaluate_against_reference,
)
from finetune.optimum.enumeration import enumerate_answers
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.policy.rollouts import rollout
from gpt.policy.rows import pad_examples, prompt_answer_example

SHAPE = GPTConfig(vocab_size=4, context=8, n_layers=1, n_heads=2, d_model=8, d_ff=16)
STOP, ROOM = 3, 2


@pytest.fixture
def models():
    """Make two models with different predictions."""
    made = [GPT(SHAPE).double(), GPT(SHAPE).double()]
    for model in made:
        torch.nn.init.normal_(model.embedding.weight, std=0.7)
    return made


def test_the_kl_of_a_model_from_itself_is_zero(models):
    rows = rollout(models[0], [[0], [1, 2]], ROOM, STOP, torch.Generator().manual_seed(0)).rows
    computed, drawn = answer_kl(models[0], models[0], rows)
    assert computed.tolist() == drawn.tolist() == [0, 0]


def test_both_estimates_have_the_mean_that_enumerating_all_answers_gives(models):
    prompt, answers = [0], enumerate_answers(4, ROOM, STOP)
    full = [[*each.tokens, *[STOP] * each.stopped] for each in answers]
    rows = pad_examples([prompt_answer_example(prompt, answer) for answer in full])
    computed, log_ratio = answer_kl(*models, rows)
    logprobs = torch.zeros(len(answers), dtype=torch.float64)
    for number, (tokens, mask, _) in enumerate(zip(*rows, strict=True)):
        scores = models[0](tokens[None, :-1])[0].log_softmax(-1)
        for place in mask[1:].nonzero()[:, 0].tolist():
            logprobs[number] += scores[place, tokens[place + 1]].detach()
    p = logprobs.exp()
    assert p.sum() == pytest.approx(1)
    exact = (p * log_ratio).sum()
    assert exact > 0.01
    assert (p * computed).sum() == pytest.approx(exact.item(), rel=1e-9)  # the chain rule


def test_batches_of_rows_give_the_same_kl_as_all_rows_at_once(models):
    prompts = [[0]] * (KL_BATCH_SIZE + 3)
    rows = rollout(models[0], prompts, ROOM, STOP, torch.Generator().manual_seed(0)).rows
    computed, drawn = answer_kl(*models, rows)
    alone = [answer_kl(*models, type(rows)(*(each[n : n + 1] for each in rows))) for n in (0, 22)]
    assert len(computed) == len(prompts)
    assert computed[[0, 22]].tolist() == pytest.approx([each[0].item() for each in alone])
    assert drawn[[0, 22]].tolist() == pytest.approx([each[1].item() for each in alone])


def test_the_evaluation_averages_over_the_questions(home):
    assistant = load_assistant(str(home / "runs" / "base"))
    questions = [Question("builtins", "list", "class", "What is `list`?", "A list.")] * 5
    found = evaluate_against_reference(assistant, assistant, questions)
    assert found.kl == found.kl_drawn == (0, 0, 0)
    assert 0 <= found.reward.low <= found.reward.estimate <= found.reward.high <= 1
    assert found == evaluate_against_reference(assistant, assistant, questions)  # the seed decides
