from dataclasses import dataclass, fields

import pytest

from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.training.config import LoopConfig
from gpt.training.field_descriptions import describe_fields


@dataclass
class Small:
    """A config."""

    rate: float = 0.1
    """Learning rate.
    Higher learns faster."""
    steps: int = 3
    """Number of steps."""

    @property
    def total(self):
        """Not a field."""


def test_a_small_config_by_hand():
    assert describe_fields(Small) == [
        ("rate", 0.1, "Learning rate. Higher learns faster."),
        ("steps", 3, "Number of steps."),
    ]


@pytest.mark.parametrize("config_class", [GPTConfig, LoopConfig])
def test_every_hyperparameter_of_model_and_loop_says_what_it_does(config_class):
    described = describe_fields(config_class)
    assert [each.name for each in described] == [each.name for each in fields(config_class)]
    defaults = config_class()
    for each in described:
        assert each.default == getattr(defaults, each.name)
        assert len(each.effect) > 15 and each.effect[0].isalnum()


def test_a_class_without_fields_is_refused():
    with pytest.raises(BadInput, match="int is not a dataclass"):
        describe_fields(int)
