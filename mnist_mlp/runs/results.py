"""The results of a run as files: the model, pictures, and the scorecard for people and for programs."""

from collections.abc import Sequence
from pathlib import Path

from mnist_mlp.digits.images import Digits
from mnist_mlp.errors import printable
from mnist_mlp.files.atomic import read_text, write_text
from mnist_mlp.nn.network import Network
from mnist_mlp.report.figures import draw_confusion, draw_learning_curve, draw_mistakes, save_picture
from mnist_mlp.report.markdown import repeated_page, scorecard_page
from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard, ScoreError
from mnist_mlp.runs.folder import HISTORY, MODEL, SCORECARD, RunError
from mnist_mlp.training.history import EpochRecord, history_to_csv
from mnist_mlp.training.recipe import EXPLANATIONS


def write_model(
    folder: Path, network: Network, threshold: float, card: Scorecard, history: Sequence[EpochRecord]
) -> None:
    """Write a trained network, with what is to be known of it, and its history.

    Raises:
        StorageError: if a file cannot be written.
    """
    write_text(folder / HISTORY, history_to_csv(history))
    network.save(folder / MODEL, {"recipe": card.recipe, "data": card.data, "threshold": threshold})


def write_scorecard(
    folder: Path,
    card: Scorecard,
    digits: Digits,
    history: Sequence[EpochRecord] = (),
    *,
    pictures: bool = True,
) -> None:
    """Write a scorecard as pictures (with a history: the learning curve too), Markdown and, last, JSON.

    A folder that holds `scorecard.json` holds all the rest.

    Raises:
        StorageError: if a file cannot be written.
    """
    drawn = _draw(folder, card, digits, history) if pictures else []
    write_text(folder / "scorecard.md", scorecard_page(card, pictures=drawn, explanations=EXPLANATIONS))
    write_text(folder / SCORECARD, card.to_json())


def _draw(folder: Path, card: Scorecard, digits: Digits, history: Sequence[EpochRecord]) -> list[str]:
    """Draw the pictures of a scorecard; return their names."""
    drawn, square = ["confusion_matrix.png", "mistakes.png"], (7.2, 7.2)
    if history:
        training = [record.accuracy for record in history]
        held_out = [r.validation_accuracy for r in history if r.validation_accuracy is not None] or None
        save_picture(
            folder / "learning_curve.png",
            lambda axes: draw_learning_curve(axes, training, held_out, card.accuracy),
        )
        drawn.insert(0, "learning_curve.png")
    save_picture(folder / drawn[-2], lambda axes: draw_confusion(axes, card.confusion), size=square)
    save_picture(
        folder / drawn[-1], lambda axes: draw_mistakes(axes, digits.images, card.mistakes), size=square
    )
    return drawn


def write_repeated(folder: Path, cards: Sequence[Scorecard]) -> RepeatedScorecard:
    """Write the means of several seeds into the folder above theirs.

    Raises:
        StorageError: if a file cannot be written.
    """
    repeated = RepeatedScorecard(cards)
    write_text(folder / "scorecard.md", repeated_page(repeated, explanations=EXPLANATIONS))
    write_text(folder / SCORECARD, repeated.to_json())
    return repeated


def read_card(folder: Path) -> Scorecard:
    """Read the scorecard of a finished run.

    Raises:
        RunError: if it is broken.
        StorageError: if it cannot be read.
    """
    try:
        return Scorecard.from_json(read_text(folder / SCORECARD))
    except ScoreError as error:
        raise RunError(f"{printable(folder / SCORECARD)}: {error}") from None
