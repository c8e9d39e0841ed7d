"""A table of EEG is its columns; what a line holds instead of numbers is named with the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rym.errors import FormatError, UsageError
from stream.files.reading import read
from stream.files.recording import Event

RATE = 250


def write(path: Path, rows: list[str], head: str = "time,Fp1,T3", columns: str = "") -> Path:
    """Write a table, and a map of its columns beside it."""
    path.write_text("\n".join([head, *rows]) + "\n", "utf-8")
    if columns:
        path.with_suffix(".toml").write_text(columns, "utf-8")
    return path


def rows(n: int, form: str = "{t:.3f},{a},{b}") -> list[str]:
    """Return n lines at 250 Hz: a counts up, b down."""
    return [form.format(t=k / RATE, a=k + 0.5, b=-k) for k in range(n)]


EXPECTED = np.array([[k + 0.5, -k] for k in range(20)], np.float32)


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    """Time, triggers and EEG; the rate is measured, and said to be."""
    lines = [f"{line},{7 if k in (3, 4, 9) else 0}" for k, line in enumerate(rows(20))]
    found = read(write(tmp_path / "a.csv", lines, "Timestamps,EEG Fp1,T3,Marker"))
    assert np.array_equal(found.samples, EXPECTED)
    assert found.channels == ("Fp1", "T7")
    assert found.rate == 250.0
    assert found.events == (Event(3, 7), Event(9, 7))
    assert found.stamps is not None
    assert np.allclose(found.stamps, np.arange(20) / RATE)
    assert found.warnings == (
        "Unit of a.csv: not stated; µV is assumed.",
        "No rate is declared; 250.00 Hz was measured, 250 Hz is used.",
    )


@pytest.mark.parametrize(
    ("name", "head", "form", "columns"),
    [
        ("a.tsv", "time\tFp1\tT3", "{t:.3f}\t{a}\t{b}", ""),
        ("a.csv", "time;Fp1;T3", "{t:.3f};{a};{b};", ""),
        ("a.csv", '"time", "Fp1","T3"', '{t:.3f}, {a},"{b}"', ""),
        ("a.csv", "% made by a program\ntime,Fp1,T3", "{t:.3f},{a},{b}", ""),
        ("a.csv", "n;x;y;z", "{t:.3f};word;{b};{a}", 'time="n"\nchannels=["z","y"]'),
        ("a.csv", "x,y", "{a},{b}", "rate=250"),
        ("a.csv", "ms,Fp1,T3", "{m},{a},{b}", 'time="ms"\ntime_unit="ms"'),
        ("a.csv", "time,Fp1,T3", "2026-03-30T12:36:{t:06.3f}+02:00,{a},{b}", ""),
    ],
)
def test_the_map_says_what_columns_mean(
    tmp_path: Path, name: str, head: str, form: str, columns: str
) -> None:
    """Separators, quotes, remarks, other columns, no times, milliseconds, dates."""
    lines = [form.format(t=k / RATE, m=4 * k, a=k + 0.5, b=-k) for k in range(20)]
    found = read(write(tmp_path / name, lines, head, columns))
    assert np.array_equal(found.samples, EXPECTED)
    assert found.rate == 250.0
    assert found.gaps == ()


def test_blanks_within_names_do_not_separate(tmp_path: Path) -> None:
    """Neither units in brackets nor a blank behind every comma; alone, blanks do."""
    for head, form in (
        ("time,Fp1 (of 2),T3 (of 2)", "{t:.3f},{a},{b}"),
        ("time, Fp1, T3", "{t:.3f}, {a}, {b}"),
        ("time Fp1 T3", "{t:.3f} {a} {b}"),
    ):
        found = read(write(tmp_path / "a.csv", rows(20, form), head))
        assert np.array_equal(found.samples, EXPECTED)
        assert len(found.channels) == 2


def test_decimal_commas(tmp_path: Path) -> None:
    """With a separator other than the comma, and said in the map."""
    lines = [line.replace(".", ",") for line in rows(20, "{t:.3f};{a};{b}")]
    path = write(tmp_path / "a.csv", lines, "time;Fp1;T3", 'decimal = ","\nunit = "nV"')
    assert np.array_equal(read(path).samples, (EXPECTED.astype(float) / 1000).astype("f4"))
    path.with_suffix(".toml").unlink()
    with pytest.raises(FormatError, match=r"Line 2 of a\.csv has '0,000' .*decimal = \",\""):
        read(path)


def test_units_and_names_of_electrodes(tmp_path: Path) -> None:
    """Volts become µV; a column may be an electrode under another name."""
    path = write(
        tmp_path / "a.csv", rows(20), "time,one,two", 'unit="V"\n[names]\none="EEG Fp1"\ntwo="t3"'
    )
    found = read(path)
    assert np.allclose(found.samples, 1e6 * EXPECTED)
    assert found.channels == ("Fp1", "T7")


def test_a_map_of_another_place(tmp_path: Path) -> None:
    """One that a person names goes before the one beside the table."""
    path = write(tmp_path / "a.csv", rows(20), columns="rate = 1")
    other = tmp_path / "other.toml"
    other.write_text("rate = 251")
    assert read(path, columns=other).rate == 251.0
    (tmp_path / "a.xdf").write_bytes(b"XDF:")
    with pytest.raises(UsageError, match=r"columns were named by other\.toml"):
        read(tmp_path / "a.xdf", columns=other)


def test_missing_values_stay_no_numbers(tmp_path: Path) -> None:
    """They are counted; what becomes of them is the line's business."""
    lines = rows(20)
    lines[3] = "0.012,NaN,-3"
    lines[4] = "0.016,4.5,"
    found = read(write(tmp_path / "a.csv", lines))
    assert np.isnan(found.samples[3, 0])
    assert np.isnan(found.samples[4, 1])
    assert np.isnan(found.samples).sum() == 2
    assert "2 values are missing; they are kept as no number." in found.warnings


def test_a_gap_and_a_clock_that_goes_back(tmp_path: Path) -> None:
    """Both are gaps with their size."""
    times = np.arange(60) / RATE
    times[20:] += 700
    times[40:] -= 30
    lines = [f"{t:.3f},{k},{k}" for k, t in enumerate(times)]
    found = read(write(tmp_path / "a.csv", lines))
    assert [gap.sample for gap in found.gaps] == [20, 40]
    assert [gap.seconds for gap in found.gaps] == pytest.approx([700, -30], abs=1e-3)
    assert found.rate == 250.0


@pytest.mark.parametrize("cut", [1, 2, 5, 9])
def test_a_cut_last_line_is_left_out(tmp_path: Path, cut: int) -> None:
    """Also where only digits of its last number are missing; it is told."""
    path = write(tmp_path / "a.csv", rows(21))
    path.write_bytes(path.read_bytes()[:-cut])
    found = read(path)
    assert np.array_equal(found.samples, EXPECTED)
    assert "cut off" in found.warnings[0]


def test_blocks_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many lines are kept at a time."""
    path = write(tmp_path / "a.csv", rows(20))
    for block in (1, 7, 20, 21):
        monkeypatch.setattr("stream.files.table.BLOCK", block)
        assert np.array_equal(read(path).samples, EXPECTED)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0.012,three,-3", r"Line 5 of a\.csv has 'three' in column 'Fp1'"),
        ("noon,3.5,-3", r"Line 5 of a\.csv has 'noon' for its time"),
        ("nan,3.5,-3", r"Line 5 of a\.csv has 'nan' for its time"),
        (",3.5,-3", r"Line 5 of a\.csv has '' for its time"),
        ("30.3.26 12:00,3.5,-3", r"Line 5 of a\.csv has '30\.3\.26 12:00' for its time"),
        ("0.012,3.5,-3,4,5", r"Line 5 of a\.csv has 5 columns, its first line names 3"),
        ("0.012,3.5", r"Line 5 of a\.csv has 2 columns, its first line names 3"),
        ('0.012,"3.5,-3', "line 5 opens a quotation"),
        ("0.012,3\0,-3", "it is no table of text"),
    ],
)
def test_a_line_that_is_no_sample_is_named(tmp_path: Path, line: str, words: str) -> None:
    """Dates in other forms, words, other widths: the number of the line, and a remedy."""
    lines = rows(20)
    lines[3] = line
    with pytest.raises(FormatError, match=words) as caught:
        read(write(tmp_path / "a.csv", lines))
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("head", "columns", "words"),
    [
        ("0.0,1,2", "", "Line 1 of a.csv must name the columns"),
        ("time,a,a", "", "each differently"),
        ("x,Fp1,T3", "", r"no column of times among x, Fp1, T3.*a\.toml"),
        ("time,Fp1,T3", 'channels = ["Cz"]', "has no column Cz; it has time, Fp1, T3"),
        ("time,Fp1,T3", 'chanels = ["Fp1"]', r"a\.toml does not map .*chanels"),
        ("time,Fp1,T3", "rate = ", r"a\.toml does not map"),
        ("time,Fp1,T3", 'decimal = ","', "decimal sign is the same"),
    ],
)
def test_a_map_that_does_not_fit_is_refused(
    tmp_path: Path, head: str, columns: str, words: str
) -> None:
    """Before any line is read."""
    with pytest.raises(FormatError, match=words):
        read(write(tmp_path / "a.csv", rows(20), head, columns))


def test_times_that_stand_still_show_no_rate(tmp_path: Path) -> None:
    """A table of seconds at 250 Hz, or of another unit, says so."""
    with pytest.raises(FormatError, match="stand still"):
        read(write(tmp_path / "a.csv", ["5,1,2"] * 9))
