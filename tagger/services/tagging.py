"""From descriptions to probabilities: only what is missing is encoded, only what is missing is predicted."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tagger.errors import BundleError, BusyError, CancelledError, EncoderError
from tagger.services.columns import Columns
from tagger.services.encoding import CHUNK, Encoding
from tagger.services.inputs import context_of, gather_inputs
from tagger.services.jobs import Jobs
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.storage.jobs import JobRow
from tagger.storage.runs import Bundle

if TYPE_CHECKING:
    from tagger.learning.model import Model


def model_of(encoding: Encoding, bundle: Bundle) -> Model:
    """The model of a run, ready to predict.

    Raises
    ------
    EncoderError
        If its head was trained on another encoder's embeddings.
    BundleError
        If the run is damaged.
    """
    # torch is imported where it is used: most screens need none of it.
    from tagger.learning.model import Model  # noqa: PLC0415
    from tagger.learning.recipe import Recipe  # noqa: PLC0415

    if bundle.encoder != encoding.family:
        raise EncoderError(
            f"The run {bundle.run_id!r} was trained with another encoder.",
            hint="Set TAGGER_ENCODER as it was when the run was trained, or train again with this encoder.",
        )
    recipe = Recipe.from_dict(bundle.recipe)
    return Model.from_tensors(recipe.features, recipe.head, bundle.head)


def keep_tagged(store: Store, jobs: Jobs) -> None:
    """Start tagging in the background if stored rows have no probabilities yet and nothing else runs.

    Not where this process tried, and a person stopped it or it failed: that is theirs to start again.
    """
    if store.view().tagging.n_waiting == 0:
        return
    latest = jobs.latest()
    if latest is not None and (latest.running or (jobs.is_own(latest) and gave_up(latest))):
        return
    with suppress(BusyError):
        start_tagging(store, jobs)


def start_tagging(store: Store, jobs: Jobs) -> None:
    """Tag what waits, in the background.

    Raises
    ------
    BusyError
        If another job is running.
    """

    def work(progress: Progress) -> dict[str, Any]:
        try:
            return tag_all(store, progress)
        except CancelledError:
            raise CancelledError("Tagging was stopped.", hint="What was tagged so far keeps its tags.") from None

    jobs.start("tag", work)


def gave_up(job: JobRow) -> bool:
    """Whether a tagging job left rows without tags."""
    return job.kind == "tag" and not job.running and (job.state != "done" or bool((job.result or {}).get("refused")))


def tag_all(store: Store, progress: Progress) -> dict[str, Any]:
    """Give every stored text its probabilities under the current run (and the starter, where it helps out)."""
    view = store.view()
    n_encoded, refused = 0, []
    for bundle in store.tagging_bundles(view.tagging.run_id):
        if any(column >= 0 for column in store.label_columns(bundle, view.labels)):
            try:
                n_encoded += predict_missing(store, bundle, view.columns, progress)
            except (EncoderError, BundleError) as error:
                # The rows are stored and can be reviewed; a run that cannot serve them just stays silent.
                refused.append(f"{error} {error.hint}")
    return {"texts": len(view.columns.texts), "encoded": n_encoded, "refused": refused}


def predict_missing(store: Store, bundle: Bundle, columns: Columns, progress: Progress) -> int:
    """Give stored rows their probabilities under a run; how many texts had to be encoded.

    Chunk by chunk, so that the first rows show their tags long before the last.
    """
    features = bundle.recipe["features"]
    inputs = columns.inputs(context_of(features))
    matrix = store.predictions(bundle)
    missing = matrix.missing(inputs.keys)
    if not missing:
        return 0
    progress.stage("Loading the encoder")
    model, tuned = model_of(store.encoding, bundle), store.tuned(bundle)
    place = {key: position for position, key in enumerate(inputs.keys)}
    n_encoded = 0
    for start in range(0, len(missing), CHUNK):
        progress.report(start, len(missing), "Tagging")
        keys = missing[start : start + CHUNK]
        rows = inputs.first[[place[key] for key in keys]]
        gathered, fresh = gather_inputs(store.encoding, columns.facts.take(rows), features, progress, tuned=tuned)
        matrix.add(keys, model.probabilities(gathered))
        n_encoded += fresh
    progress.report(len(missing), len(missing))
    return n_encoded
