"""Models and windows that are wrong: refused with the sentence, or answered `unknown`."""

import hashlib
import io
import json
import pickle
import zipfile

import msgspec
import numpy as np
import pytest

from decoder import archive
from decoder import model as models
from decoder.decoder import Decoder
from rym.errors import FormatError


@pytest.fixture
def folder(trained, tmp_path):
    """Return a saved CEBRA + kNN model's folder."""
    models.save(trained("cebra-knn")[0], tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture(scope="module")
def person(make_person):
    """Return windows of the same kind of person, another day."""
    return make_person(5, 30.0, 0.8)[0]


def reseal(folder, name, data):
    """Replace a file and write its hash into the manifest, as a forger would."""
    (folder / name).write_bytes(data)
    manifest = json.loads((folder / models.MANIFEST).read_text())
    manifest["files"][name] = hashlib.sha256(data).hexdigest()
    (folder / models.MANIFEST).write_text(json.dumps(manifest))


def with_weights(folder, name, value):
    """Put another array into the weights."""
    tensors = models.decode_tensors((folder / models.WEIGHTS).read_bytes())
    reseal(folder, models.WEIGHTS, models.encode_tensors({**tensors, name: value}))


def with_memory(folder, **arrays):
    """Put other arrays into the memory."""
    before = archive.unpack((folder / models.MEMORY).read_bytes())
    reseal(folder, models.MEMORY, archive.pack({**before, **arrays}))


def with_facts(folder, **facts):
    """Change the manifest."""
    path = folder / models.MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def refused(folder):
    """Return the sentence with which a folder is refused."""
    with pytest.raises(FormatError) as caught:
        models.load(folder)
    assert "Train the model again" in caught.value.remedy
    return caught.value.error


@pytest.mark.fault(23)
@pytest.mark.parametrize("layer", range(5))
def test_a_network_with_a_weight_that_is_no_number_is_refused(layer, folder):
    """One NaN anywhere would be in every embedding."""
    name = f"conv{layer}.weight"
    tensors = models.decode_tensors((folder / models.WEIGHTS).read_bytes())
    wrong = tensors[name].copy()
    wrong[-1, 0, -1] = np.nan
    with_weights(folder, name, wrong)
    assert refused(folder) == f"The network's {name} holds values that are no numbers."


@pytest.mark.fault(23)
def test_a_network_whose_embeddings_have_no_length_is_refused(folder):
    """A last layer of zeros gives norm 0."""
    tensors = models.decode_tensors((folder / models.WEIGHTS).read_bytes())
    with_weights(folder, "conv4.weight", np.zeros_like(tensors["conv4.weight"]))
    with_weights(folder, "conv4.bias", np.zeros_like(tensors["conv4.bias"]))
    assert "every embedding has no length" in refused(folder)


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("zscore.center", np.zeros(19), ("z-score of", "shape (19,)", "ask for (20,)")),
        ("zscore.scale", np.ones((20, 1)), ("spread of", "shape (20, 1)", "ask for (20,)")),
        ("zscore.scale", np.zeros(20), ("no numbers",)),
        (
            "conv0.weight",
            np.ones((16, 19, 2), np.float32),
            ("shape (16, 19, 2)", "ask for (16, 20, 2)"),
        ),
        ("conv0.weight", np.ones(16, np.float32), ("conv0.weight has shape (16,)",)),
        ("conv1.weight", np.ones((16, 15, 3), np.float32), ("(16, 15, 3), expected (16, 16, 3)",)),
        ("conv2.bias", np.ones((16, 1), np.float32), ("conv2.weight has shape",)),
    ],
)
def test_a_part_of_another_size_is_refused_with_both(name, value, says, folder):
    """Whatever the manifest's channels and bands ask for, every array must have it."""
    with_weights(folder, name, value)
    said = refused(folder)
    assert all(part in said for part in says), said


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"channels": ["Fz", "C3", "Pz"]}, "shape (20,), its 3 channels × 5 bands ask for (15,)"),
        ({"channels": ["Fz", "C3", "Pz", "Fz"]}, "names Fz twice"),
        ({"channels": []}, "names no channel"),
        ({"bands": [["alpha", 8.0, 13.0]]}, "shape (20,), its 4 channels × 1 bands ask for (4,)"),
        ({"rate": 64.0, "n_times": 64}, "gamma (30–45 Hz) cannot be had from 64 samples"),
        ({"n_times": 0}, "`$.n_times`"),
        ({"rate": -128.0}, "`$.rate`"),
        ({"hop": 0}, "`$.hop`"),
        ({"temperature": 0.0}, "`$.temperature`"),
        ({"kind": "oracle"}, "'oracle'"),
    ],
)
def test_a_manifest_that_no_windows_can_meet_is_refused(facts, says, folder):
    """Another montage, another preset, numbers that are none: before the first window."""
    with_facts(folder, **facts)
    assert says in refused(folder)


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"embedding": np.ones((4, 6)), "label": np.zeros(4), "stretch": np.arange(4)}, "(4, 6)"),
        ({"label": np.zeros(3)}, "labels (3,)"),
        ({"label": np.full((1,), 7)}, "labels (1,)"),
        (
            {"embedding": np.full((1, 7), np.nan), "label": np.zeros(1), "stretch": np.zeros(1)},
            "no",
        ),
        ({"embedding": np.ones((1, 7)), "label": np.full(1, 7), "stretch": np.zeros(1)}, "0 to 2"),
        (
            {"embedding": np.ones((1, 7)), "label": np.zeros(1), "stretch": np.full(1, -1)},
            "below 0",
        ),
    ],
)
def test_a_memory_that_does_not_fit_is_refused(arrays, says, folder):
    """Dimensions, lengths, classes that there are not, values that are no numbers."""
    with_memory(folder, **arrays)
    assert says in refused(folder)


@pytest.mark.fault(24)
@pytest.mark.parametrize("name", [models.WEIGHTS, models.MEMORY])
@pytest.mark.parametrize("how", ["cut", "flipped", "longer", "empty"])
def test_an_altered_file_is_refused_by_its_hash(name, how, folder):
    """Both hashes are told, the file's and the manifest's."""
    data = (folder / name).read_bytes()
    middle = len(data) // 2
    changed = {
        "cut": data[:middle],
        "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "longer": data + b"\0",
        "empty": b"",
    }[how]
    (folder / name).write_bytes(changed)
    said = refused(folder)
    for whole in (data, changed):
        assert hashlib.sha256(whole).hexdigest()[:16] in said


@pytest.mark.fault(24)
@pytest.mark.parametrize("name", [models.MANIFEST, models.WEIGHTS, models.MEMORY])
def test_a_huge_file_is_not_even_read(name, folder, monkeypatch):
    """Its size is told; the limit is beyond what any model takes."""
    size = (folder / name).stat().st_size
    assert 1000 * size < models.LARGEST
    monkeypatch.setattr(models, "LARGEST", size - 1)
    sizes = {path.stat().st_size for path in folder.iterdir()}
    limit = f"bytes, no model's has more than {size - 1}."
    assert refused(folder).partition(" has ")[2] in {f"{n} {limit}" for n in sizes if n >= size}


def packed(how):
    """Return an npz that claims more than it holds, or is none."""
    out, header = io.BytesIO(), io.BytesIO()
    shape = {"claim": (10**13,), "beyond": (10**30,)}.get(how, (2,))
    form = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, form)
    if how == "bomb":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr("label.npy", header.getvalue() + bytes(10**7))
    elif how == "text":
        with zipfile.ZipFile(out, "w") as made:
            made.writestr("label.txt", "0 1 2")
    elif how == "words":
        np.savez(out, label=np.array(["a", "b"]))
    elif how == "bare array":
        np.save(out, np.zeros(3))
    elif how in {"claim", "beyond"}:
        with zipfile.ZipFile(out, "w") as made:
            made.writestr("label.npy", header.getvalue())
    return out.getvalue()


HOLLOW = ["claim", "beyond", "bomb", "text", "words", "bare array", "empty"]


@pytest.mark.fault(24)
@pytest.mark.parametrize("how", HOLLOW)
def test_a_memory_that_claims_what_it_does_not_hold_is_refused(how, folder):
    """With its hash put right: sizes of terabytes, compressed zeros, no arrays, nothing."""
    reseal(folder, models.MEMORY, packed(how))
    assert refused(folder).startswith(f"The arrays of {folder} cannot be read")


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    "header",
    [
        {"a": {"dtype": "F64", "shape": [10**15], "data_offsets": [0, 8 * 10**15]}},
        {"a": {"dtype": "BF16", "shape": [0], "data_offsets": [0, 0]}},
        {"a": {"dtype": "F64", "shape": [0], "data_offsets": [0, 0]}},
    ],
)
def test_weights_that_are_none_of_a_model_are_refused(header, folder):
    """Sizes beyond the file, kinds of numbers that numpy lacks, other arrays."""
    text = json.dumps(header).encode()
    reseal(folder, models.WEIGHTS, len(text).to_bytes(8, "little") + text)
    assert "cannot be read" in (said := refused(folder)) or "lacks" in said


class _Evil:
    def __reduce__(self):
        return (pytest.fail, ("code from a file was run",))


@pytest.mark.fault(25)
@pytest.mark.parametrize("name", [models.MANIFEST, models.WEIGHTS, models.MEMORY])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_in_place_of_any_file_is_never_run(name, protocol, folder):
    """Refused unopened, in whatever form and with whatever hash."""
    data = pickle.dumps(_Evil(), protocol)
    if name == models.MANIFEST:
        (folder / name).write_bytes(data)
    else:
        reseal(folder, name, data)
    assert "cannot be read" in refused(folder)


@pytest.mark.fault(25)
def test_an_array_of_objects_within_the_memory_is_never_run(folder):
    """Beside whole arrays of numbers, too."""
    with_objects = io.BytesIO()
    arrays = archive.unpack((folder / models.MEMORY).read_bytes())
    np.savez(with_objects, **arrays, more=np.array([_Evil()], dtype=object))
    reseal(folder, models.MEMORY, with_objects.getvalue())
    assert "cannot be read" in refused(folder)


@pytest.mark.fault(25)
@pytest.mark.parametrize("suffix", [".pt", ".joblib", ".pkl"])
def test_a_foreign_checkpoint_is_no_model(suffix, tmp_path):
    """`cebra.CEBRA.load` would run what is in it; a file is refused as no folder of a model."""
    path = tmp_path / f"model{suffix}"
    path.write_bytes(pickle.dumps(_Evil()))
    assert refused(path) == f"There is no model.json in {path}."


def said_by(folder, settings, windows):
    """Return what a decoder with this folder's model says."""
    live = Decoder(settings(drive="always"))
    live.load(models.load(folder))
    return [live.step(window) for window in windows]


def some_of(arrays, kept):
    """Return the memory's arrays with some of its rows; what is usual stays whole."""
    rows = ("embedding", "label", "stretch", "t")
    return {name: value[kept] if name in rows else value for name, value in arrays.items()}


@pytest.mark.fault(26)
@pytest.mark.parametrize("states", [(), (2,)])
def test_a_memory_of_no_or_one_state_answers_unknown(states, folder, settings, person):
    """Even where every model drives: one state alone would be answered with full confidence."""
    arrays = archive.unpack((folder / models.MEMORY).read_bytes())
    kept = np.isin(arrays["label"], states)
    with_memory(folder, **some_of(arrays, kept))
    said = said_by(folder, settings, person[:20])
    assert {(v.state, v.valence, v.confidence) for v in said} == {("unknown", None, 0.0)}
    assert {v.reason for v in said[9:]} == {"the memory holds fewer than two states"}


@pytest.mark.fault(26)
def test_with_fewer_stretches_than_neighbours_all_vote_and_none_is_sure(folder, settings, person):
    """Asked are 3, there are two stretches: one vote of prior keeps the answer from certainty."""
    arrays = archive.unpack((folder / models.MEMORY).read_bytes())
    label = arrays["label"]
    kept = np.array([np.flatnonzero(label == 0)[0], np.flatnonzero(label == 2)[0]])
    with_memory(folder, **some_of(arrays, kept))
    with_facts(folder, temperature=1.0)
    said = said_by(folder, settings, person[:20])
    assert {v.probabilities for v in said[9:]} == {(0.5, 0.0, 0.5)}


@pytest.mark.fault(26)
def test_before_the_first_label_everything_is_unknown(make_noise_rows, settings, person):
    """A calibration without keys gives a model that says so and answers nothing."""
    from decoder import training  # noqa: PLC0415

    rows = make_noise_rows(0, 60.0)
    rows = type(rows)(
        **{**vars(rows), "label": np.full_like(rows.label, -1), "usable": rows.touched}
    )
    model, _ = training.fit(rows, settings("auto"), 0)
    assert model.manifest.kind == "none"
    assert "two are needed" in model.manifest.why
    live = Decoder(settings(drive="always"))
    named = msgspec.structs.replace(model.manifest, channels=person[0].channels)
    live.load(type(model)(**{**vars(model), "manifest": named}))
    said = [live.step(window) for window in person[:20]]
    assert {(v.state, v.probabilities) for v in said} == {("unknown", None)}
    assert said[-1].reason == "verdict: guessing"


def test_another_hop_is_told_with_both_values(trained, settings, person):
    """Two windows per second for a model of four: told, instead of warming up for ever."""
    live = Decoder(settings())
    live.load(trained("lda")[0])
    slow = [msgspec.structs.replace(window, n_new=64) for window in person[:20:2]]
    assert {live.step(window).reason for window in slow} == {
        "a window every 64 samples, the model needs one every 32"
    }


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ([*range(15), 14, 15, 16], {15: "warming up 1/10", 16: "warming up 2/10"}),
        ([*range(15), 13, 14, 15], {15: "warming up 1/10", 17: "warming up 3/10"}),
        ([*range(12), 11, 11, 11], {12: "warming up 1/10", 14: "warming up 1/10"}),
        ([*range(12), 14, 15, 16], {12: "warming up 1/10"}),
        ([*range(20, 5, -1)], {14: "warming up 1/10"}),
    ],
)
def test_windows_repeated_out_of_order_or_missing_begin_anew(
    order, says, trained, settings, person
):
    """The ten rows of an answer follow one another, in whatever order windows arrive."""
    live = Decoder(settings(drive="always"))
    live.load(trained("cebra-knn")[0])
    said = [live.step(person[i]) for i in order]
    assert {i: said[i].reason for i in says} == says
    assert all(v.state == "unknown" for v in said if v.reason.startswith("warming"))
