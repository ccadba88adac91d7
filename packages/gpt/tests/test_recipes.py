import pytest

from gpt.cli import GPT_PROGRAM
from gpt.commands import train
from gpt.pretraining import TrainConfig


def parse(*options):
    return GPT_PROGRAM.parse_command(train, "gpt train", [*options])


def test_the_fast_recipe_is_the_default():
    config = parse()
    assert config == parse("--recipe", "fast")
    model = config.model_config(100)
    assert model == TrainConfig().model_config(100) and config.loop == TrainConfig().loop
    assert (model.positions, model.norm_kind, model.feed_forward) == ("rotary", "rms", "relu2")
    assert config.loop.optimizer == "muon"


def test_the_plain_recipe_is_gpt2s():
    config = parse("--recipe", "plain")
    model = config.model_config(100)
    assert (model.positions, model.norm_kind, model.feed_forward) == ("learned", "layer", "gelu")
    assert model.ff_bias and config.loop.optimizer == "adamw"


def test_an_option_that_is_given_overrides_the_recipe():
    options = ("--positions", "rotary", "--learning-rate", "0.5", "--optimizer", "adamw")
    for recipe in ("plain", "fast"):
        config = parse("--recipe", recipe, *options)
        assert config.model_config(100).positions == "rotary"
        assert (config.loop.learning_rate, config.loop.optimizer) == (0.5, "adamw")
    given = parse("--recipe", "plain", "--optimizer", "muon", "--muon-learning-rate", "0.1")
    assert (given.loop.optimizer, given.loop.muon_learning_rate) == ("muon", 0.1)
    assert given.model_config(100).norm_kind == "layer"


def test_the_preset_decides_the_size_and_the_recipe_the_architecture():
    model = parse("--preset", "nano", "--d-model", "64", "--ff-bias").model_config(100)
    assert (model.n_layers, model.d_model, model.d_ff, model.ff_bias) == (2, 64, 256, True)


def test_the_help_shows_the_values_that_will_be_used(capsys):
    with pytest.raises(SystemExit):
        parse("--preset", "nano", "--recipe", "plain", "--help")
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "(default: 32, from --preset)" in said and "(default: learned, from --recipe)" in said
    assert "None)" not in said
