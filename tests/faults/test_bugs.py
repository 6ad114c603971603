"""Every bug that was found has a sentence of its own, on a test."""

from collections import Counter

from tests.faults.bugs import found, render


def test_every_bug_has_a_sentence_of_its_own() -> None:
    times = Counter(bug.sentence for bug in found())
    assert times, "no test is marked"
    assert [sentence for sentence, n in times.items() if n > 1 or not sentence.strip()] == []


def test_the_table_names_each_with_its_test() -> None:
    lines = render(found()).splitlines()
    for bug in found():
        assert f"  {bug.sentence}  ::{bug.test}" in lines
