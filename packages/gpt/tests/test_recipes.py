from gpt.cli import GPT_PROGRAM
from gpt.commands.train_config import TrainConfig


def asked(*options):
    return GPT_PROGRAM.parse(
        TrainConfig,
        "train",
        [*options],
        GPT_PROGRAM.parse(TrainConfig, "train", [*options]).defaults(),
    )


def test_the_fast_recipe_is_the_default():
    config = asked()
    assert config == asked("--recipe", "fast") == TrainConfig()
    model = config.model(100)
    assert (model.positions, model.norm_kind, model.feed_forward) == ("rotary", "rms", "relu2")
    assert config.loop.optimizer == "muon"


def test_the_plain_recipe_is_gpt2s():
    config = asked("--recipe", "plain")
    model = config.model(100)
    assert (model.positions, model.norm_kind, model.feed_forward) == ("learned", "layer", "gelu")
    assert model.ff_bias and config.loop.optimizer == "adamw"


def test_an_option_that_is_given_overrides_the_recipe():
    options = ("--positions", "rotary", "--learning-rate", "0.5", "--optimizer", "adamw")
    for recipe in ("plain", "fast"):
        config = asked("--recipe", recipe, *options)
        assert config.model(100).positions == "rotary"
        assert (config.loop.learning_rate, config.loop.optimizer) == (0.5, "adamw")
    given = asked("--recipe", "plain", "--optimizer", "muon", "--muon-rate", "0.1")
    assert (given.loop.optimizer, given.loop.muon_rate) == ("muon", 0.1)
    assert given.model(100).norm_kind == "layer"


def test_the_size_is_the_presets_and_the_parts_are_the_recipes():
    model = asked("--preset", "nano", "--d-model", "64", "--ff-bias", "True").model(100)
    assert (model.n_layers, model.d_model, model.d_ff, model.ff_bias) == (2, 64, 256, True)
