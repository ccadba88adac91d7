"""Rows that a command trains on, rows that it holds out, and its report about the others."""

import json
from dataclasses import replace

import pytest

from finetune.assistant.answering import EvaluationItem, generate_answers
from finetune.assistant.assistant import load_assistant
from finetune.conversations.formats import PLAIN
from finetune.conversations.messages import (
    Conversation,
    PreferencePair,
    single_turn_conversation,
    single_turn_prompt,
)
from finetune.conversations.special_tokens import with_special_tokens
from finetune.conversations.template import template_format
from finetune.datasets.questions import Question
from finetune.datasets.splitting import first_prompt, prompt_key, split_by_prompt
from finetune.datasets.tasks import Task, drop_held_out_prompts, read_task, write_task
from finetune.dpo import run as dpo
from finetune.pipeline import pairs_that_fit
from finetune.ppo import run as ppo
from finetune.reward import run as reward
from finetune.runs import TASK_FILE, create_run
from finetune.sft import run as sft
from gpt.errors import BadInput
from gpt.runs.folder import RunFolder
from gpt.text.byte_pair_tokenizer import BytePairTokenizer

CONFIGS = {sft: sft.SftConfig, dpo: dpo.DpoConfig, reward: reward.RewardConfig}
LOADERS = {
    sft: sft.select_conversations,
    dpo: dpo.load_preference_pairs,
    reward: reward.load_scored_pairs,
}
every_command = pytest.mark.parametrize("command", CONFIGS, ids=["sft", "dpo", "reward"])


@pytest.fixture(scope="module")
def assistant(home):
    return load_assistant(str(home / "runs" / "base"), "plain")


@pytest.fixture
def learn(home, assistant, tmp_path):
    """A function that returns the task of a command's run, given the rows of its data."""

    def task(command, rows, learner=assistant, **options):
        path = tmp_path / "rows.jsonl"
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        path.write_text("\n".join(lines))
        config = CONFIGS[command](data=str(path), model=str(home / "runs" / "base"), **options)
        return LOADERS[command](config, learner)

    return task


QUESTIONS = [Question("m", "f", "function", "What does `f` do?", "It is there for a test.")]


def split_conversations(items):
    return split_by_prompt(items, [first_prompt(each) for each in items])


def split_pairs(pairs):
    return split_by_prompt(pairs, [pair.messages for pair in pairs])


def questions_of(items):
    return {each.messages[0]["content"] for each in items}


def test_answers_to_one_question_stay_on_one_side():
    pairs = [
        PreferencePair(single_turn_prompt(f"q{n}"), f"good {k}", f"bad {k}")
        for n in range(30)
        for k in range(4)
    ]
    train, held_out = split_pairs(pairs)
    assert sorted(train + held_out, key=repr) == sorted(pairs, key=repr)
    assert len(held_out) == 12
    assert questions_of(train).isdisjoint(questions_of(held_out))


def test_about_a_tenth_of_the_rows_is_held_out_for_any_distribution_of_questions():
    for n_questions, n_answers, expected in ((2, 1, 1), (10, 1, 1), (100, 1, 10), (3, 5, 5)):
        items = [
            single_turn_conversation(f"q{n}", f"a{k}")
            for n in range(n_questions)
            for k in range(n_answers)
        ]
        _, held_out = split_conversations(items)
        assert len(held_out) == expected
    items = [single_turn_conversation("often", f"a{k}") for k in range(60)] + [
        single_turn_conversation(f"q{n}", "a") for n in range(40)
    ]
    train, held_out = split_conversations(items)
    assert len(held_out) == 10
    assert single_turn_conversation("often", "a0") in train


def test_conversations_that_begin_with_the_same_question_stay_on_one_side():
    """Every answer is trained on, so the longer one would teach a held-out shorter one."""
    short, long = (
        single_turn_conversation("Hi", "Hello"),
        single_turn_conversation("Hi", "Hello").messages,
    )
    long = Conversation([*long, *single_turn_conversation("Why?", "So.").messages])
    items = [conversation for n in range(9) for conversation in (
        Conversation([{"role": "system", "content": str(n)}, *short.messages]),
        Conversation([{"role": "system", "content": str(n)}, *long.messages]),
    )]  # fmt: skip
    train, held_out = split_conversations(items)
    prompts = {prompt_key(first_prompt(each)) for each in held_out}
    assert len(held_out) == 2
    assert prompts.isdisjoint(prompt_key(first_prompt(each)) for each in train)


def test_case_and_white_space_do_not_make_another_question():
    items = [single_turn_conversation(q, "a") for q in ("What is it?", " what is\nit? ")]
    with pytest.raises(BadInput, match="^all 2 usable rows ask the same question; at least two"):
        split_conversations(items)
    with pytest.raises(BadInput, match="^there is only one usable row; at least two questions"):
        split_conversations(items[:1])


def test_a_held_out_question_is_not_trained_on_with_another_system_message_or_more_turns():
    def rows(n):
        question = single_turn_conversation(f"Add {n} and 1.", f"{n + 1}").messages
        systems = [
            [{"role": "system", "content": text}, *question] for text in ("Be brief.", "Hi.")
        ]
        return [*systems, [*question, *single_turn_conversation("Sure?", "Yes.").messages]]

    found = [Conversation(messages) for n in range(20) for messages in rows(n)]
    train, held_out = split_conversations(found)
    pairs = [PreferencePair(each.messages[:-1], "a", "b") for each in found]
    pairs_train, pairs_held_out = split_pairs(pairs)
    for one, other in ((train, held_out), (pairs_train, pairs_held_out), (train, pairs_held_out)):
        asked_in = [
            {next(m["content"] for m in each.messages if m["role"] == "user") for each in side}
            for side in (one, other)
        ]
        assert asked_in[0] and asked_in[1] and not asked_in[0] & asked_in[1]


@pytest.mark.parametrize("command", [dpo, reward], ids=["dpo", "reward"])
def test_pairs_that_exist_before_a_stage_are_left_out_if_they_do_not_fit(
    command, assistant, capsys
):
    fits = [PreferencePair(single_turn_prompt(f"q{n}"), "good", "bad") for n in range(4)]
    long = PreferencePair(single_turn_prompt("q"), "good " * 200, "bad")
    load = pairs_that_fit(Task([*fits[:2], long], [long, *fits[2:]]))
    found = load(CONFIGS[command](context=64), assistant)
    assert found == Task(fits[:2], fits[2:])
    assert "2 of 6 pairs are left out" in capsys.readouterr().err


def test_rows_of_one_question_are_distinguished_by_their_system_messages():
    question = single_turn_conversation("Go on.", "Yes.").messages
    rows = [
        Conversation([{"role": "system", "content": f"You are number {n}."}, *question])
        for n in range(11)
    ]
    train, held_out = split_conversations(rows)
    assert (len(train), len(held_out)) == (10, 1)


def test_the_same_questions_are_held_out_of_every_file():
    """So a model is not evaluated by one command on questions that another has trained it on."""
    names = [f"question {n}" for n in range(50)]
    conversations = [single_turn_conversation(name, "a") for name in names]
    pairs = [PreferencePair(single_turn_prompt(name), "good", "bad") for name in reversed(names)]
    ours = split_conversations(conversations)[1]
    theirs = split_pairs(pairs)[1]
    assert [each.messages[0] for each in ours] == [each.messages[0] for each in theirs]


def test_added_tasks_do_not_train_on_held_out_prompts_of_each_other():
    a, b, c = (PreferencePair(single_turn_prompt(q), "good", "bad") for q in "abc")
    assert drop_held_out_prompts(Task([a, b], [c]) + Task([c], [a])) == Task([b], [c, a])


@every_command
def test_held_out_questions_of_a_file_are_not_trained_on(learn, command):
    rows = [
        {"prompt": f"Spell {n}.", "completion": f"{n}{k}", "chosen": f"{n}{k}", "rejected": "no"}
        for n in range(6)
        for k in range(3)
    ]
    task = learn(command, rows)
    assert len(task.held_out) == 3
    assert len(questions_of(task.held_out)) == 1
    assert questions_of(task.train).isdisjoint(questions_of(task.held_out))


def test_joined_sources_of_pairs_do_not_teach_what_is_held_out(learn, monkeypatch, capsys):
    """`finetune reward --data FILE --sample-from RUN` joins two sources."""
    sampled = Task([PreferencePair(single_turn_prompt("Spell 0."), "a", "b")] * 2, [
        PreferencePair(single_turn_prompt(f"Spell {n}."), "a", "b") for n in range(1, 4)
    ])  # fmt: skip
    monkeypatch.setattr(reward, "load_assistant", lambda name, base: None)
    monkeypatch.setattr(reward, "sample_ranked_pairs", lambda assistant: sampled)
    rows = [{"prompt": f"Spell {n}.", "chosen": "It is.", "rejected": "no"} for n in range(9)]
    task = learn(reward, rows, sample_from="runs/sft")
    assert questions_of(task.train).isdisjoint(questions_of(task.held_out))
    assert len(task.held_out) == 4
    assert "training pairs are dropped, as their questions are held out" in capsys.readouterr().err


@pytest.mark.parametrize("command", [dpo, reward], ids=["dpo", "reward"])
def test_the_base_of_an_adapter_is_used_for_its_samples(home, assistant, command, monkeypatch):
    loaded = []
    sampled = Task(
        [PreferencePair(single_turn_prompt("q"), "a", "b")],
        [PreferencePair(single_turn_prompt("r"), "a", "b")],
    )
    monkeypatch.setattr(
        command, "load_assistant", lambda *names, **more: loaded.append((names, more))
    )
    monkeypatch.setattr(command, "sample_ranked_pairs", lambda assistant: sampled)
    monkeypatch.setattr("finetune.datasets.tasks.question_task", lambda: Task(QUESTIONS, QUESTIONS))
    LOADERS[command](CONFIGS[command](sample_from="adapter", base="moved"), assistant)
    assert loaded == [(("adapter",), {"base": "moved"})]


def test_equal_rows_are_counted_and_reported(learn, capsys):
    rows = [{"instruction": f"Spell {n % 4}.", "output": "It is."} for n in range(7)]
    task = learn(sft, rows)
    assert "3 duplicate conversations are dropped" in capsys.readouterr().err
    assert len(task.train + task.held_out) == 4


SHAREGPT = [{"from": "human", "value": "Hi?"}, {"from": "gpt", "value": "It is."}]


def test_rows_that_differ_in_their_system_text_are_all_kept(learn, capsys):
    task = learn(sft, [{"system": f"You are {n}.", "conversations": SHAREGPT} for n in range(11)])
    assert "dropped" not in capsys.readouterr().err
    assert (len(task.train), len(task.held_out)) == (10, 1)
    assert questions_of(task.train + task.held_out) == {f"You are {n}." for n in range(11)}


@pytest.mark.parametrize("command", [sft, dpo], ids=["sft", "dpo"])
def test_a_system_text_reaches_the_questions_of_the_report(tmp_path, command):
    system = [{"role": "system", "content": "s"}]
    items = {
        sft: Conversation([*system, *single_turn_conversation("q", "a").messages]),
        dpo: PreferencePair([*system, *single_turn_prompt("q")], "a", "b"),
    }
    write_task(tmp_path / TASK_FILE, Task([items[command]], [items[command]]))
    held_out = {sft: sft.held_out_questions, dpo: dpo.held_out_prompts}[command]
    items = held_out(CONFIGS[command](data="rows.json"), RunFolder(tmp_path))
    assert items == [EvaluationItem([*system, *single_turn_prompt("q")], "a")]


GOOD = [{"instruction": f"Spell {n}.", "output": f"It is {n}."} for n in range(6)]
UNUSABLE = {
    "not JSON": "{",
    "no object": [1],
    "another layout": {"question": "q"},
    "a column that means something": {"prompt": "q", "completion": "a", "tools": "f"},
    "a stranger": {"messages": [{"role": "bing", "content": "q"}]},
    "an empty answer": {"instruction": "q", "output": " "},
    "half a character": r'{"instruction": "q", "output": "\ud83d"}',
}


@pytest.mark.parametrize("row", UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_row_ends_a_command_or_is_skipped_by_an_option(learn, row, capsys):
    with pytest.raises(BadInput, match="^line 7 of .*; --skip-unusable leaves such rows out$"):
        learn(sft, [*GOOD, row])
    task = learn(sft, [*GOOD, row], skip_unusable=True)
    assert len(task.train + task.held_out) == 6
    assert "1 unusable rows are left out" in capsys.readouterr().err


def test_the_first_three_unusable_rows_are_shown_with_their_reasons(learn, capsys):
    learn(sft, [GOOD[0], *UNUSABLE.values(), *GOOD[1:]], skip_unusable=True)
    first, *reasons = capsys.readouterr().err.splitlines()
    assert first == "7 unusable rows are left out; the first 3 are:"
    assert [each.partition(" of ")[0] for each in reasons] == ["  line 2", "  line 3", "  line 4"]
    assert "the columns are question; needed are messages or" in reasons[2]


def test_a_row_that_the_format_cannot_express_is_unusable(learn, capsys, assistant):
    """A chat template that refuses a system message gives such a format."""
    between = {key: text for key, text in PLAIN.between.items() if "system" not in key}
    learner = assistant._replace(format=replace(PLAIN, between=between))
    pairs = [{"prompt": f"Spell {n}.", "chosen": f"It is {n}.", "rejected": "no"} for n in range(4)]
    system = {"system": "s", "prompt": "q", "chosen": "a", "rejected": "b"}
    equal = {"prompt": "q", "chosen": "a", "rejected": "a"}
    with pytest.raises(BadInput, match="line 5 of .*no place for a message by the system"):
        learn(dpo, [*pairs, system, equal], learner=learner)
    task = learn(dpo, [*pairs, system, equal], learner=learner, skip_unusable=True)
    assert len(task.train + task.held_out) == 4
    assert "2 unusable rows are left out" in capsys.readouterr().err


def test_answers_that_a_template_makes_equal_are_unusable(learn, assistant):
    pytest.importorskip("jinja2", reason="baselines: needs the extra smollm2")
    tokenizer = with_special_tokens(BytePairTokenizer([]))
    template = (tokenizer.chat_template or "").replace("message.content", "message.content | trim")
    tokenizer = replace(tokenizer, chat_template=template)
    learner = assistant._replace(tokenizer=tokenizer, format=template_format(tokenizer))
    row = {"prompt": "q", "chosen": "  a", "rejected": "a"}
    with pytest.raises(BadInput, match="line 1 of .*: both answers are the same tokens: '  a'"):
        learn(dpo, [row], learner=learner)


def test_the_counts_of_rows_that_are_left_out_add_up(learn, capsys, assistant):
    """Unusable rows are counted separately, whether a layout or the check refuses them."""
    between = {key: text for key, text in PLAIN.between.items() if "system" not in key}
    learner = assistant._replace(format=replace(PLAIN, between=between))
    rows = [{"prompt": f"Spell {n}.", "chosen": f"It is {n}.", "rejected": "no"} for n in range(4)]
    rows += [{**rows[0], "system": "s"}, {**rows[0], "chosen": ""}]
    rows += [{**rows[0], "chosen": "a" * 200}]
    task = learn(dpo, rows, learner=learner, skip_unusable=True)
    stderr = capsys.readouterr().err
    assert "2 unusable rows are left out" in stderr
    assert "1 of 5 pairs are left out" in stderr
    assert len(task.train + task.held_out) == 4


def test_a_file_without_a_usable_row_is_refused_with_the_first_reason(learn):
    with pytest.raises(BadInput, match="none of 2 rows can be used: line 1 of"):
        learn(sft, [UNUSABLE["an empty answer"]] * 2, skip_unusable=True)


def test_both_options_are_recorded_in_the_run(home, tmp_path):
    rows = [{**row, "persona": "a pirate", "mood": n} for n, row in enumerate(GOOD)]
    (tmp_path / "rows.json").write_text(json.dumps([*rows, {"instruction": ""}]))
    config = sft.SftConfig(
        model=str(home / "runs" / "base"), data=str(tmp_path / "rows.json"), runs=tmp_path,
        ignore_columns="persona, mood", skip_unusable=True,
    )  # fmt: skip
    folder = RunFolder(tmp_path / "run")
    before = load_assistant(config.model)
    create_run(folder, config, before, sft.select_conversations(config, before))
    saved = folder.read_config()["command"]
    assert (saved["ignore_columns"], saved["skip_unusable"]) == ("persona, mood", True)
    resumed = sft.SftConfig(resume=folder.path).with_defaults()
    assert (resumed.ignore_columns, resumed.skip_unusable) == ("persona, mood", True)
    assert len(read_task(folder.path / TASK_FILE, Conversation).train) == 5


@every_command
def test_a_file_whose_held_out_rows_are_too_long_holds_out_others(learn, command, capsys):
    """Rows are left out before any are held out, so both sides have rows."""
    rows = [
        {"prompt": f"Spell {n}.", "completion": "It is.", "chosen": "It is.", "rejected": "no"}
        for n in range(20)
    ]
    read = [PreferencePair(single_turn_prompt(row["prompt"]), "It is.", "no") for row in rows]
    held_out = questions_of(split_pairs(read)[1])
    for row in rows:
        if row["prompt"] in held_out:
            row["prompt"] += " " * 300  # the same question: white space does not count
    task = learn(command, rows)
    assert "2 of 20" in capsys.readouterr().err
    assert (len(task.train), len(task.held_out)) == (16, 2)


def test_held_out_conversations_are_shortened_to_a_prompt_that_fits(learn, assistant):
    """Otherwise the report would fail, after all of the training."""
    rows = [
        {
            "messages": [
                *single_turn_conversation(f"q{n}", "a").messages,
                *single_turn_conversation("q" * 200, "a").messages,
            ]
        }
        for n in range(12)
    ]
    task = learn(sft, rows)
    assert [each.messages[1:] for each in task.held_out] == [
        single_turn_conversation("q", "a").messages[1:]
    ]
    assert len(generate_answers(assistant, [each.messages[:-1] for each in task.held_out])) == 1
    assert {len(each.messages) for each in task.train} == {4}


@every_command
def test_a_file_without_a_row_that_fits_is_refused_with_the_counts(learn, command):
    ambiguous = {"prompt": "Question: q\nAnswer:\na\n\nQuestion: r", "completion": "a"}
    rows = [ambiguous, *({"prompt": "q" * 200, "completion": "a"} for _ in range(2))]
    rows = [{**row, "chosen": row["completion"], "rejected": "b"} for row in rows]
    with pytest.raises(BadInput, match="none of 3 .* 128 tokens .*: 2 are too long, 1 contain a"):
        learn(command, rows)


def test_the_error_names_the_side_of_the_split_that_does_not_fit(home, assistant, monkeypatch):
    short, long = (Question("m", "f", "function", q, "It is.") for q in ("q?", "q" * 200))
    monkeypatch.setattr("finetune.datasets.tasks.question_task", lambda: Task([short], [long]))
    config = sft.SftConfig(model=str(home / "runs" / "base"), context=60)
    with pytest.raises(BadInput, match="none of 1 held-out conversations fits into a context"):
        sft.select_conversations(config, assistant)


def test_questions_without_space_for_an_answer_are_counted_and_reported(
    home, assistant, capsys, monkeypatch
):
    fits, long = (Question("m", "f", "function", q, "It is.") for q in ("q?", "q" * 100))
    monkeypatch.setattr(ppo, "question_task", lambda: Task([fits, long], [fits]))
    config = ppo.PpoConfig(model=str(home / "runs" / "base"), reward_model="rule")
    ppo.load_questions(config, assistant)
    said = capsys.readouterr().err
    assert "1 of 2 questions are left out: too long to leave 32 tokens for an answer, or" in said
