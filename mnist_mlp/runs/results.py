"""The results of a run as files: the model, pictures, and the scorecard for people and for programs."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_mlp.digits.images import Digits
from mnist_mlp.errors import printable
from mnist_mlp.files.atomic import read_text, write_text
from mnist_mlp.nn.network import Network
from mnist_mlp.report.curves import draw_learning_curve, draw_robustness
from mnist_mlp.report.figures import draw_confusion, draw_mistakes, save_picture
from mnist_mlp.report.markdown import repeated_page, scorecard_page, sweep_page
from mnist_mlp.report.page import render_page
from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard, ScoreError
from mnist_mlp.report.sweep_figures import save_sweep_picture
from mnist_mlp.report.sweeps import Row
from mnist_mlp.runs.folder import HISTORY, MODEL, REPORT, SCORECARD, is_finished, load_model, seeds_in, tidy
from mnist_mlp.runs.job import Data, Job, Result
from mnist_mlp.runs.plan import RunError
from mnist_mlp.training.history import EpochRecord, best_epoch, history_from_csv, history_to_csv
from mnist_mlp.training.recipe import EXPLANATIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Scored:
    """A network that was scored, and what its pictures and its page show.

    Attributes:
        card: what the network scored on the digits.
        network: as trained.
        digits: that were scored.
        threshold: an output below it is no answer; None where it is not known.
        history: of the training, if it is known.
        held_out: training digits that the network was not trained on, if there are any.
    """

    card: Scorecard
    network: Network
    digits: Digits
    threshold: float | None
    history: Sequence[EpochRecord] = ()
    held_out: Digits | None = None

    @property
    def kept_epoch(self) -> int | None:
        """The epoch whose weights are kept by early stopping; None without it."""
        return best_epoch(self.history) if self.card.recipe.get("patience") else None

    def page(self, folder: Path) -> str:
        """The page for the browser."""
        return render_page(
            card=self.card,
            network=self.network,
            digits=self.digits,
            history=self.history,
            kept=self.kept_epoch,
            held_out=self.held_out,
            threshold=self.threshold,
            name=folder.absolute().name,
        )


def keep(job: Job, result: Result, data: Data, *, pictures: bool = True) -> None:
    """Write the results of a job into its folder, and remove what it needed on the way.

    Raises:
        StorageError: if a file cannot be written.
    """
    card, network, threshold, history = result.card, result.network, result.threshold, result.history
    write_text(job.folder / HISTORY, history_to_csv(history))
    network.save(job.folder / MODEL, {"recipe": card.recipe, "data": card.data, "threshold": threshold})
    write_scores(job.folder, _scored_on(data, card, network, threshold, history), pictures=pictures)
    tidy(job.folder, finished=True)


def write_scores(folder: Path, scored: Scored, *, pictures: bool = True) -> None:
    """Write a scorecard as pictures and a page for the browser, as Markdown and, last, as JSON.

    A folder that holds `scorecard.json` holds all the rest.

    Raises:
        StorageError: if a file cannot be written.
    """
    drawn = _draw(folder, scored) if pictures else []
    if pictures:
        write_text(folder / REPORT, scored.page(folder))
    markdown = scorecard_page(scored.card, pictures=drawn, explanations=EXPLANATIONS)
    write_text(folder / "scorecard.md", markdown)
    write_text(folder / SCORECARD, scored.card.to_json())


def page_of(folder: Path, data: Data) -> str:
    """Make the page of a finished run anew.

    Raises:
        RunError: if something of the run is missing or broken, or the digits are not those that were scored.
    """
    card, model = read_card(folder), load_model(folder / MODEL)
    history = history_from_csv(read_text(folder / HISTORY)) if (folder / HISTORY).exists() else []
    if dict(card.data) != data.files:
        raise RunError(f"{printable(folder)}: was scored on other digits; name them with --data-dir")
    return _scored_on(data, card, model.network, model.threshold, history).page(folder)


def _scored_on(
    data: Data,
    card: Scorecard,
    network: Network,
    threshold: float | None,
    history: Sequence[EpochRecord],
) -> Scored:
    """A run's network with the digits that it was scored on, and those that its recipe holds out."""
    count = int(card.recipe.get("validation", 0))
    return Scored(card, network, data.to_score(count), threshold, history, data.split(count)[1])


def _draw(folder: Path, scored: Scored) -> list[str]:
    """Draw the pictures of a scorecard; return their names."""
    card, drawn = scored.card, list[str]()

    def save(name: str, draw: Callable[["Axes"], object], size: tuple[float, float]) -> None:
        save_picture(folder / name, draw, size=size)
        drawn.append(name)

    if history := scored.history:
        kept = scored.kept_epoch
        curve = partial(draw_learning_curve, history=history, test=card.accuracy, kept=kept)
        save("learning_curve.png", curve, (7.2, 4.8))
    save("confusion_matrix.png", lambda axes: draw_confusion(axes, card.confusion), (7.2, 7.2))
    save("mistakes.png", lambda axes: draw_mistakes(axes, scored.digits.images, card.mistakes), (7.2, 7.2))
    if robustness := card.more.get("robustness"):
        save("robustness.png", lambda axes: draw_robustness(axes, robustness, card.accuracy), (7.2, 8.0))
    else:  # one from an earlier evaluation would tell of other scores
        with suppress(OSError):
            (folder / "robustness.png").unlink(missing_ok=True)
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


def write_sweep(folder: Path, rows: Sequence[Row], tested: RepeatedScorecard) -> None:
    """Write what a sweep found: the settings, the best first, and what the best comes to on the test digits.

    Raises:
        StorageError: if a file cannot be written.
    """
    save_sweep_picture(folder / "sweep.png", rows, tested.runs[0].recipe["validation"])
    write_text(folder / "scorecard.md", sweep_page(rows, tested, explanations=EXPLANATIONS))


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


def read_cards(folder: Path) -> list[Scorecard]:
    """Read the scorecards of a finished run, one for each seed, or of the chosen networks of a sweep.

    Raises:
        RunError: if there is none, or one is broken.
        StorageError: if one cannot be read.
    """
    run = folder / "chosen" if (folder / "chosen").is_dir() else folder
    if not is_finished(run):
        raise RunError(f"{printable(folder)}: holds no finished run (no {SCORECARD}); name a run's folder")
    return [read_card(seed) for seed in seeds_in(run) if is_finished(seed)] or [read_card(run)]
