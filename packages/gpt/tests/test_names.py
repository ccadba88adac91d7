import pytest

import gpt


def test_every_name_of_the_package_loads():
    assert {name: getattr(gpt, name).__name__ for name in gpt.__all__} == {
        name: name for name in gpt.__all__
    }
    assert gpt.__all__ == sorted(gpt.HOMES)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'gpt' has no attribute 'nothing'"):
        _ = gpt.nothing
