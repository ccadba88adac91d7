import re
from pathlib import Path

import pytest
import torch

from gpt.errors import BadInput
from gpt.policy.rollouts import Rollout
from gpt.policy.rows import pad_examples, prompt_answer_example
from reasoning.grpo.rewards import (
    RANDOM_SHARE,
    checked_scores,
    countdown_reward,
    load_reward,
    puzzle_of_prompt,
    random_reward,
    score_rollout,
)
from reasoning.tasks.countdown import Puzzle
from reasoning.tasks.vocabulary import TOKENIZER

PROMPT = "24 : 4 7 9 11 think"
MISS = "4 + 7 = 11 ; 11 - 9 = 2 ; 11 + 2 = 13 ; miss"
RIGHT = "answer 11 * ( 7 - 4 ) - 9"


def test_only_a_right_answer_is_rewarded():
    answers = [
        f"7 - 4 = 3 ; 11 * 3 = 33 ; 33 - 9 = 24 ; hit {RIGHT}",
        f"{MISS} wait {MISS} wait {MISS} wait 7 - 4 = 3 ; hit {RIGHT}",  # the fourth attempt
        f"{MISS} wait {MISS} wait {MISS} wait {MISS} wait hit {RIGHT}",  # the fifth
        "7 - 4 = 3 ; 11 * 3 = 33 ; 33 - 9 = 24 ; hit answer 24",
        "hit",
        "",
        "answer 11 + 9 + 4",
    ]
    assert countdown_reward(PROMPT, answers) == [1, 1, 0, 0, 0, 0, 0]


def test_the_puzzle_of_a_prompt():
    assert puzzle_of_prompt(PROMPT) == Puzzle((4, 7, 9, 11), 24)


@pytest.mark.parametrize("prompt", ["chain : 7 + 12 think", "24 4 7 think", "24 : think", ""])
def test_other_prompts_are_no_puzzles(prompt):
    with pytest.raises(BadInput, match="is not a puzzle of countdown"):
        countdown_reward(prompt, ["hit"])


def test_the_random_reward_ignores_answers_but_repeats_itself():
    answers = [f"answer {number}" for number in range(100)]
    first, again, other = (random_reward(seed)(PROMPT, answers) for seed in (0, 0, 1))
    assert first == again != other
    rewards = [random_reward(0)(f"{n} : 1 2 think", answers) for n in range(20)]
    assert sum(map(sum, rewards)) / 2000 == pytest.approx(RANDOM_SHARE, abs=0.04)
    assert set(map(float, first)) == {0.0, 1.0}


def test_a_rollout_is_scored_in_groups_of_texts_without_the_stop_token():
    seen = []

    def length(prompt, answers):
        seen.append((prompt, answers))
        return [len(answer.split()) for answer in answers]

    encode, stop = TOKENIZER.encode, TOKENIZER.end_of_text
    rows = pad_examples(
        [
            prompt_answer_example(encode("10 : 1 2 think"), [*encode("hit"), stop]),
            prompt_answer_example(encode("10 : 1 2 think"), [stop]),
            prompt_answer_example(encode("11 : 3 think"), encode("1 + 2")),
            prompt_answer_example(encode("11 : 3 think"), [*encode("miss wait"), stop]),
        ]
    )
    answers = Rollout(rows, torch.tensor([True, True, False, True]), torch.zeros(4, 3))
    found = score_rollout(length, 2)(answers)
    assert seen == [("10 : 1 2 think", ["hit", ""]), ("11 : 3 think", ["1 + 2", "miss wait"])]
    assert found.tolist() == [1, 0, 3, 2] and found.dtype == torch.float32


def test_a_reward_is_read_from_a_file(tmp_path):
    file = tmp_path / "brief.py"
    file.write_text("def reward(prompt, answers):\n    return [-len(a) for a in answers]\n")
    assert checked_scores(load_reward(file), PROMPT, ["", "hit"]) == [0, -3]


def test_the_reward_of_the_readme_can_be_read(tmp_path):
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    [source] = re.findall(r"```py\n(.*?)```", readme, re.DOTALL)
    (tmp_path / "reward.py").write_text(source)
    found = checked_scores(load_reward(tmp_path / "reward.py"), PROMPT, ["1 + 2 ; hit", "miss"])
    assert found == pytest.approx([1 - 0.05, -0.01])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "there is no file .* to read a reward from"),
        ("reward = 3\n", r"has no function reward\(prompt, answers\)"),
        ("def reward(prompt, answers) return\n", "cannot be run: SyntaxError"),
        ("import no_such_module\n", "cannot be run: ModuleNotFoundError"),
        ("raise SystemExit\n", "cannot be run: SystemExit"),
    ],
)
def test_files_that_hold_no_reward_are_refused(tmp_path, source, message):
    file = tmp_path / "reward.py"
    if source is not None:
        file.write_text(source)
    with pytest.raises(BadInput, match=message):
        load_reward(file)


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (lambda prompt, answers: [1.0], "the reward returned 1 scores for 2 answers"),
        (lambda prompt, answers: [1.0, float("nan")], "the reward of the answer 'hit' is nan"),
        (lambda prompt, answers: [float("inf"), 0], "is inf, not a finite number"),
        (lambda prompt, answers: 1.0, "failed: TypeError"),
        (lambda prompt, answers: ["good", "bad"], "failed: ValueError"),
        (lambda prompt, answers: [1 / len(a) for a in answers], "failed: ZeroDivisionError"),
    ],
)
def test_scores_that_cannot_be_used_are_refused(reward, message):
    with pytest.raises(BadInput, match=message):
        checked_scores(reward, PROMPT, ["", "hit"])
