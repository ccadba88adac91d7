import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt.evaluation.originality import longest_common_substring, measure_originality


def test_known_words_and_the_longest_copy_by_hand():
    found = measure_originality("the cat zat on the mat", corpus="on the mat sat a cat; the end")
    assert found.known_words == pytest.approx(5 / 6)  # all but zat
    assert found.longest_copy == " on the mat"[1:]


@given(st.text(alphabet="abc", max_size=12), st.text(alphabet="abc", max_size=12))
def test_the_longest_run_is_the_longest_of_all_substrings(text, corpus):
    runs = {text[a:b] for a in range(len(text)) for b in range(a, len(text) + 1)} | {""}
    longest = max((run for run in runs if run in corpus), key=len)
    found = longest_common_substring(text, corpus)
    assert found in corpus
    assert len(found) == len(longest)


def test_a_text_without_words_has_no_share():
    assert measure_originality("123 ...", "abc").known_words == 0
