"""The model folder: what is saved is what answers, and what is wrong is refused."""

import hashlib
import io
import json
import pickle

import numpy as np
import pytest

from decoder import model as models
from decoder.archive import pack, unpack
from decoder.decoder import Decoder
from rym.errors import FormatError


@pytest.fixture(params=["lda", "cebra-knn", "riemann"])
def folder(request, trained, tmp_path):
    """Return a saved model's folder, for every candidate."""
    models.save(trained(request.param)[0], tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture(params=["lda", "cebra-knn", "riemann"])
def candidate_model(request, trained):
    """Return a model and what answers in it, for every candidate."""
    return trained(request.param)[0], request.param


def reseal(folder, name, data):
    """Replace a file and write its hash into the manifest, as a forger would."""
    (folder / name).write_bytes(data)
    path = folder / models.MANIFEST
    manifest = json.loads(path.read_text())
    manifest["files"][name] = hashlib.sha256(data).hexdigest()
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize("candidate", ["lda", "cebra-knn", "riemann"])
def test_a_loaded_model_answers_to_the_bit_as_the_one_just_trained(
    candidate, trained, make_person, settings, tmp_path
):
    """Save, load, and every Valence of a session is the same, the model's name included."""
    model, _ = trained(candidate)
    models.save(model, tmp_path / "model")
    before, after = Decoder(settings(drive="always")), Decoder(settings(drive="always"))
    before.load(model)
    after.load(models.load(tmp_path / "model"))
    windows, _ = make_person(2, 60.0, 0.8)
    answers = [before.step(window) for window in windows]
    assert [after.step(window) for window in windows] == answers
    assert sum(answer.probabilities is not None for answer in answers) == len(windows) - 9


def test_a_folder_holds_three_files_and_nothing_is_overwritten(folder, trained):
    """JSON, safetensors, npz; a second save into the folder is refused."""
    names = {path.name for path in folder.iterdir()}
    assert names == {"model.json", "weights.safetensors", "memory.npz"}
    with pytest.raises(FormatError, match="already"):
        models.save(trained("lda")[0], folder)


@pytest.mark.fault(24)
@pytest.mark.parametrize("name", [models.WEIGHTS, models.MEMORY])
def test_one_flipped_bit_is_refused(folder, name):
    """The manifest's hash and the file's are both named."""
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(FormatError, match=rf"{name}.*SHA-256"):
        models.load(folder)


@pytest.mark.parametrize("name", [models.MANIFEST, models.WEIGHTS, models.MEMORY])
def test_a_missing_file_is_named(folder, name):
    """A half-copied folder does not load."""
    (folder / name).unlink()
    with pytest.raises(FormatError, match=name):
        models.load(folder)


def test_a_newer_schema_is_refused(folder):
    """Whatever else a newer manifest holds, its number is read first."""
    manifest = json.loads((folder / models.MANIFEST).read_text())
    (folder / models.MANIFEST).write_text(json.dumps({**manifest, "schema": 4, "new": 1}))
    with pytest.raises(FormatError, match=r"schema 4.*knows 3"):
        models.load(folder)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"schema": 3}', b"\xff\xfe"])
def test_a_broken_manifest_is_refused(folder, text):
    """Truncated, empty or foreign JSON is one sentence, not a traceback."""
    (folder / models.MANIFEST).write_bytes(text)
    with pytest.raises(FormatError, match="cannot be read"):
        models.load(folder)


@pytest.mark.fault(24)
@pytest.mark.parametrize("name", [models.WEIGHTS, models.MEMORY])
def test_truncated_arrays_are_refused(folder, name):
    """A file cut in half is refused even with its hash put right."""
    data = (folder / name).read_bytes()
    reseal(folder, name, data[: len(data) // 2])
    with pytest.raises(FormatError, match="cannot be read"):
        models.load(folder)


class _Evil:
    def __reduce__(self):
        return (pytest.fail, ("code from a model file was run",))


@pytest.mark.fault(25)
def test_a_pickle_is_never_run(trained, tmp_path):
    """An npz with an object array and a bare pickle are refused unopened."""
    models.save(trained("cebra-knn")[0], tmp_path / "model")
    out = io.BytesIO()
    np.savez(out, embedding=np.array([_Evil()], dtype=object))
    for data in (out.getvalue(), pickle.dumps(_Evil())):
        reseal(tmp_path / "model", models.MEMORY, data)
        with pytest.raises(FormatError, match="cannot be read"):
            models.load(tmp_path / "model")


@pytest.mark.fault(23)
def test_another_channel_list_is_refused(folder):
    """The features that channels and bands give must be those that the weights take."""
    path = folder / models.MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "channels": manifest["channels"][:-1]}))
    with pytest.raises(FormatError, match=r"\(20,\).*3 channels.*\(15,\)"):
        models.load(folder)


def test_weights_that_are_no_numbers_are_refused(folder):
    """A NaN in the z-score would turn every answer into NaN."""
    tensors = models.decode_tensors((folder / models.WEIGHTS).read_bytes())
    tensors["zscore.center"] = tensors["zscore.center"].copy()
    tensors["zscore.center"][0] = np.nan
    reseal(folder, models.WEIGHTS, models.encode_tensors(tensors))
    with pytest.raises(FormatError, match="no numbers"):
        models.load(folder)


def test_the_manifest_says_what_a_report_needs(folder):
    """Channels, form of the windows, states, verdict with its numbers, seed, versions."""
    facts = models.load(folder).manifest
    assert facts.channels == ("Fz", "C3", "Pz", "O1")
    assert (facts.rate, facts.n_times, facts.hop) == (128.0, 128, 32)
    assert facts.states == ("negative", "neutral", "positive")
    assert (facts.verdict == "follows") == (facts.score >= facts.critical)
    assert "numpy" in facts.versions
    assert facts.delay() == facts.delay(facts.smoothing)
    delay = facts.delay(0.75)
    assert (delay.half_window, delay.half_field, delay.smoothing) == (0.5, 1.125, 0.75)
    assert delay.total == pytest.approx(2.375)


def test_what_is_usual_is_kept(candidate_model, tmp_path):
    """One value per held-out answer, in order; a memory alone has distances and what is novel."""
    model, kind = candidate_model
    models.save(model, tmp_path / "model")
    usual = models.load(tmp_path / "model").usual
    assert set(usual) == {"distance", "level", "balance"}
    for name, values in usual.items():
        np.testing.assert_array_equal(values, model.usual[name])
    assert len(usual["level"]) == len(usual["balance"]) > 500
    assert np.abs(usual["balance"]).max() <= 1.0
    if kind == "cebra-knn":
        assert len(usual["distance"]) == len(usual["level"])
        assert 0.005 < np.mean(usual["distance"] > model.manifest.novelty) < 0.02
    else:
        assert (len(usual["distance"]), model.manifest.novelty) == (0, None)


def test_the_level_of_a_live_row_is_of_the_kind_that_is_usual(candidate_model, make_person):
    """The calibration's own windows, one by one: the same middle and spread, without a memory's."""
    model, _ = candidate_model
    windows, _ = make_person(1, 240.0, 0.8)
    live = np.array([model.level(model.row(w.samples, ())) for w in windows])
    assert np.std(live) == pytest.approx(np.std(model.usual["level"]), rel=0.1)
    assert np.mean(live) == pytest.approx(np.mean(model.usual["level"]), abs=0.1 * np.std(live))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"usual.level": np.zeros(3)}, "has the shapes"),
        ({"usual.balance": np.zeros((2, 2))}, "has the shapes"),
        ({"usual.level": None}, "lacks the array 'usual.level'"),
    ],
)
def test_what_is_usual_must_fit(change, why, folder):
    """Another length, another form, no number, or nothing at all."""
    arrays = {**unpack((folder / models.MEMORY).read_bytes()), **change}
    reseal(folder, models.MEMORY, pack({k: v for k, v in arrays.items() if v is not None}))
    with pytest.raises(FormatError, match=why):
        models.load(folder)


def test_an_infinite_moment_is_not_usual(folder):
    """One value among those of the right form."""
    arrays = unpack((folder / models.MEMORY).read_bytes())
    level = arrays["usual.level"].copy()
    level[7] = np.inf
    reseal(folder, models.MEMORY, pack({**arrays, "usual.level": level}))
    with pytest.raises(FormatError, match="no numbers"):
        models.load(folder)


def test_a_model_of_an_older_schema_is_refused(folder):
    """With both numbers, before anything else is looked at."""
    manifest = json.loads((folder / models.MANIFEST).read_text())
    (folder / models.MANIFEST).write_text(json.dumps({**manifest, "schema": 2}))
    with pytest.raises(FormatError, match=r"schema 2.*knows 3"):
        models.load(folder)
