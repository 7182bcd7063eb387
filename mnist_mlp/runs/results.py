"""The results of a run as files: the model, pictures, and the scorecard for people and for programs.

All functions raise StorageError where a file cannot be read or written, and RunError where it is broken.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_mlp.digits.images import Digits
from mnist_mlp.errors import printable
from mnist_mlp.files.atomic import read_text, write_text
from mnist_mlp.report.curves import draw_learning_curve, draw_robustness
from mnist_mlp.report.figures import draw_confusion, draw_mistakes, save_picture
from mnist_mlp.report.markdown import repeated_page, scorecard_page, sweep_page
from mnist_mlp.report.page import render_page
from mnist_mlp.report.scorecard import RepeatedScorecard, Scorecard, ScoreError
from mnist_mlp.report.sweep_figures import save_sweep_picture
from mnist_mlp.report.sweeps import Row
from mnist_mlp.runs.folder import HISTORY, MODEL, REPORT, SCORECARD, is_finished, load_model, seeds_in, tidy
from mnist_mlp.runs.job import Data, Job, Result, check_identity
from mnist_mlp.runs.plan import RunError
from mnist_mlp.training.history import history_from_csv, history_to_csv
from mnist_mlp.training.recipe import EXPLANATIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def keep(job: Job, result: Result, data: Data, *, pictures: bool = True) -> None:
    """Write the results of a job into its folder, and remove what it needed on the way."""
    write_text(job.folder / HISTORY, history_to_csv(result.history))
    card, threshold = result.card, result.threshold
    result.network.save(
        job.folder / MODEL, {"recipe": card.recipe, "data": card.data, "threshold": threshold}
    )
    write_scores(job.folder, result, *data.to_score(job.recipe.validation), pictures=pictures)
    tidy(job.folder)


def write_scores(
    folder: Path, result: Result, digits: Digits, held_out: Digits | None = None, *, pictures: bool = True
) -> None:
    """Write a scorecard as pictures and a page for the browser, as Markdown and, last, as JSON.

    A folder that holds `scorecard.json` holds all the rest.

    Args:
        folder: where to.
        result: the network and its scores; its history may be empty.
        digits: that were scored.
        held_out: training digits that the network was not trained on, if there are any.
        pictures: whether to draw pictures and make the page.
    """
    drawn = _draw(folder, result, digits) if pictures else []
    if pictures:
        write_text(folder / REPORT, _page(folder, result, digits, held_out))
    markdown = scorecard_page(result.card, pictures=drawn, explanations=EXPLANATIONS)
    write_text(folder / "scorecard.md", markdown)
    write_text(folder / SCORECARD, result.card.to_json())


def page_of(folder: Path, data: Data) -> str:
    """Make the page of a finished run anew; RunError if the digits are not those that were scored."""
    card, model = read_card(folder), load_model(folder / MODEL)
    history = history_from_csv(read_text(folder / HISTORY)) if (folder / HISTORY).exists() else []
    identity = {"recipe": card.recipe, "data": card.data}
    check_identity(folder / SCORECARD, identity, {**identity, "data": data.files})
    result = Result(model.network, history, card, model.threshold)
    return _page(folder, result, *data.to_score(int(card.recipe.get("validation", 0))))


def _page(folder: Path, result: Result, digits: Digits, held_out: Digits | None) -> str:
    return render_page(
        card=result.card,
        network=result.network,
        digits=digits,
        history=result.history,
        kept=result.kept_epoch,
        held_out=held_out,
        threshold=result.threshold,
        name=folder.absolute().name,
    )


def _draw(folder: Path, result: Result, digits: Digits) -> list[str]:
    """Draw the pictures of a scorecard; return their names."""
    card, drawn = result.card, list[str]()

    def save(name: str, draw: Callable[["Axes"], object], size: tuple[float, float]) -> None:
        save_picture(folder / name, draw, size=size)
        drawn.append(name)

    if history := result.history:
        kept = result.kept_epoch
        curve = partial(draw_learning_curve, history=history, test=card.accuracy, kept=kept)
        save("learning_curve.png", curve, (7.2, 4.8))
    save("confusion_matrix.png", lambda axes: draw_confusion(axes, card.confusion), (7.2, 7.2))
    save("mistakes.png", lambda axes: draw_mistakes(axes, digits.images, card.mistakes), (7.2, 7.2))
    if robustness := card.more.get("robustness"):
        save("robustness.png", lambda axes: draw_robustness(axes, robustness, card.accuracy), (7.2, 8.0))
    else:  # one from an earlier evaluation would tell of other scores
        with suppress(OSError):
            (folder / "robustness.png").unlink(missing_ok=True)
    return drawn


def write_repeated(folder: Path, cards: Sequence[Scorecard]) -> RepeatedScorecard:
    """Write the means of several seeds into the folder above theirs."""
    tidy(folder)
    repeated = RepeatedScorecard(cards)
    write_text(folder / "scorecard.md", repeated_page(repeated, explanations=EXPLANATIONS))
    write_text(folder / SCORECARD, repeated.to_json())
    return repeated


def write_sweep(folder: Path, rows: Sequence[Row], tested: RepeatedScorecard) -> None:
    """Write what a sweep found: the settings, the best first, and how the best does on the test digits."""
    tidy(folder)
    save_sweep_picture(folder / "sweep.png", rows, tested.runs[0].recipe["validation"])
    write_text(folder / "scorecard.md", sweep_page(rows, tested, explanations=EXPLANATIONS))


def read_card(folder: Path) -> Scorecard:
    """Read the scorecard of a finished run."""
    try:
        return Scorecard.from_json(read_text(folder / SCORECARD))
    except ScoreError as error:
        raise RunError(f"{printable(folder / SCORECARD)}: {error}") from None


def read_cards(folder: Path) -> list[Scorecard]:
    """Read the scorecards of a finished run, one for each seed, or of the chosen networks of a sweep."""
    if not folder.exists():
        raise RunError(f"{printable(folder)}: there is no such run; name a run's folder")
    run = folder / "chosen" if (folder / "chosen").is_dir() else folder
    if not is_finished(run):
        raise RunError(f"{printable(folder)}: holds no finished run (no {SCORECARD}); name a run's folder")
    return [read_card(seed) for seed in seeds_in(run) if is_finished(seed)] or [read_card(run)]
