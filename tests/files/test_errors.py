from pathlib import Path

from mnist_mlp.errors import close_matches, escape_controls, printable, quoted


def test_text_from_strangers_prints_on_one_short_line() -> None:
    assert printable("data/größe.csv") == "data/größe.csv"
    assert printable("\x1b[31mred\n") == r"'\x1b[31mred\n'"
    assert printable("ab" * 1000, 20) == "ababababab...ababababab"
    assert [len(printable("x" * length)) for length in (200, 201)] == [200, 203]


def test_controls_are_escaped_and_lines_kept() -> None:
    assert escape_controls("größe\x1b[31m\r\n\tend\u202e\n") == "größe\\x1b[31m\\r\n\\tend\\u202e\n"


def test_a_path_with_a_space_is_quoted() -> None:
    assert (quoted("my runs"), quoted(Path("runs/1"))) == ('"my runs"', "runs/1")


def test_the_word_most_like_a_typed_one_is_found() -> None:
    assert close_matches("epocs", iter(["epics", "epochs", "seed"])) == ["epochs"]
    # Of 10 letters in both words 6 are the same, which is not close enough, and then 8.
    assert [close_matches(word, ["alpha"]) for word in ("alpxy", "alphy")] == [[], ["alpha"]]
