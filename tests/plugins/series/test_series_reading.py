"""Files of series: layouts, formats, and all that can be wrong with them."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from any_series import families, same
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wavegen_series.series import Series
from wavegen_series.tables.columns import Columns
from wavegen_series.tables.reading import SUFFIXES, from_array, read
from wavegen_series.tables.writing import write_series

from wavegen.errors import ConfigError, DataError, WavegenError

Read = Callable[..., list[Series]]
TOLD = Columns("unique_id", "ds", ("a", "b c"), ("price",), ("load",), ("kind",))
shared_folder = settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def table(tmp_path: Path) -> Read:
    def reading(content: str | bytes, name: str = "file.csv", **columns: object) -> list[Series]:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read(path, Columns(**columns))  # pyright: ignore[reportArgumentType]

    return reading


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@shared_folder
@given(family=families)
def test_what_is_written_is_read(tmp_path: Path, ending: str, family: tuple[Series, ...]):
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"x{ending}"
    write_series(path, family)
    again = read(path, TOLD)
    assert len(again) == len(family)
    assert all(map(same, again, family))


@shared_folder
@given(
    values=st.lists(st.floats(-1e9, 1e9) | st.none(), min_size=2, max_size=5).filter(
        lambda v: v[0] is not None and v[-1] is not None
    ),
    delimiter=st.sampled_from(",;\t|"),
    is_comma=st.booleans(),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    packed=st.booleans(),
)
def test_every_dialect_says_the_same(
    table: Read,
    values: list[float | None],
    delimiter: str,
    is_comma: bool,
    newline: str,
    encoding: str,
    packed: bool,
):
    cells = ["NA" if v is None else repr(v) for v in values]
    if is_comma and delimiter != ",":
        cells = [cell.replace(".", ",") for cell in cells]
    rows = [f"2024-01-{k + 1:02}{delimiter} {cell} " for k, cell in enumerate(cells)]
    content = newline.join([f"ds{delimiter}y", *rows, "", ""]).encode(encoding)
    name = "x.csv.gz" if packed else "x.csv"
    (one,) = table(gzip.compress(content) if packed else content, name)
    expected = [np.nan if v is None else v for v in values]
    np.testing.assert_array_equal(one.values[:, 0], expected)
    assert (one.name, one.names.channels) == ("x", ("y",))
    assert one.time[0] == np.datetime64("2024-01-01")


@shared_folder
@given(
    order=st.permutations(["A"] * 3 + ["B"] * 2 + ["NA"] * 2),
    names=st.sampled_from([("unique_id", "ds", "y"), ("item_id", "timestamp", "target")]),
)
def test_rows_of_long_tables_may_be_mixed(table: Read, order: list[str], names: tuple[str, ...]):
    rows = [f"{k},{word},{k / 2}" for k, word in enumerate(order)]
    found = table("\n".join([f"{names[1]},{names[0]},{names[2]}", *rows]))
    assert [one.name for one in found] == list(dict.fromkeys(order))
    for one in found:
        rows = [k for k, word in enumerate(order) if word == one.name]
        np.testing.assert_array_equal(one.time, rows)
        np.testing.assert_array_equal(one.values[:, 0], np.array(rows) / 2)


def test_a_wide_table_is_a_series_a_column(table: Read):
    content = "Day,north,note,south\n2024-01-01,1,x,\n2024-01-02,2,,\n2024-01-05,3,y,7\n"
    north, south = table(content + "2024-01-06,4,,8\n2024-01-07,,,9\n")
    assert [north.name, south.name] == ["north", "south"]
    np.testing.assert_array_equal(north.values[:, 0], [1, 2, 3, 4])
    assert str(north.time[-1])[:10] == "2024-01-07"  # it stops earlier: what follows is its future
    np.testing.assert_array_equal(south.values[:, 0], [7, 8, 9])
    assert south.time[0] == np.datetime64("2024-01-05")


def test_one_column_needs_neither_header_nor_dates(table: Read):
    for content, name in (("1\n\n3\n", "file"), ("wind\n1\n\n3\n", "wind")):
        (one,) = table(content)
        assert (one.name, one.names.channels, one.time.tolist()) == (name, ("y",), [0, 1, 2])
        np.testing.assert_array_equal(one.values[:, 0], [1, np.nan, 3])


def test_where_commas_are_decimal_they_part_no_cells(table: Read):
    first, second = table("1,5;2,5\n3,5;4,5\n")
    assert [first.values[:, 0].tolist(), second.values[:, 0].tolist()] == [[1.5, 3.5], [2.5, 4.5]]


def test_a_delimiter_that_ends_each_line_makes_no_column(table: Read):
    (one,) = table("ds,wind,\n1,5,\n2,6,\n")
    assert one.name == "wind"
    with pytest.raises(DataError, match="no column 'column 3'; there are ds, wind"):
        table("ds,wind,\n1,5,\n2,6,\n", known=("column 3",))


def test_text_in_parquet_may_be_numbers_and_missing(tmp_path: Path):
    pandas = pytest.importorskip("pandas")
    cells = ["1.5", None, " 2.5 ", "1.5"]
    for kind in ("string", "category"):
        frame = pandas.DataFrame({"ds": pandas.date_range("2024", periods=4), "y": cells})
        frame.astype({"y": kind}).set_index("ds").rename_axis(None).to_parquet(
            tmp_path / "x.parquet"
        )
        (one,) = read(tmp_path / "x.parquet", Columns())
        np.testing.assert_array_equal(one.values[:, 0], [1.5, np.nan, 2.5, 1.5])
        assert str(one.time[0])[:10] == "2024-01-01"


def test_the_count_that_pandas_writes_is_no_series(table: Read):
    (one,) = table(",price\n5,1.5\n6,2.5\n")
    assert (one.name, one.time.tolist(), one.values[:, 0].tolist()) == ("price", [5, 6], [1.5, 2.5])


def test_rows_at_the_end_with_known_covariates_only_are_the_future(table: Read):
    content = "ds,y,price,load\n1,1,5,\n2,,6,1\n3,,7,3\n4,,8,\n5,,9,\n"
    (one,) = table(content, known=("price",), past=("load",))
    np.testing.assert_array_equal(one.time, [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(one.values[:, 0], [1, np.nan, np.nan])
    np.testing.assert_array_equal(one.known[:, 0], [5, 6, 7, 8, 9])
    np.testing.assert_array_equal(one.past[:, 0], [np.nan, 1, 3])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("ds,y\n", "holds no rows"),
        ("ds,y\n1,1\n2,abc\n", "row 3, column 'y': 'abc' is no finite number"),
        ("ds,y\n1,1\n2,1_0\n", "row 3, column 'y': '1_0' is no finite number"),
        ("ds,y\n1,1\n2,inf\n", "row 3, column 'y': 'inf' is no finite number"),
        ("ds,y\n1,1\n2,1e999\n", "row 3, column 'y': '1e999' is no finite number"),
        ("ds;y\n1;1,5\n2;1.5\n", "row 2, column 'y': '1,5' is no finite number"),
        ("ds,y\n3,1\n2,2\n", "row 3: 2 follows 3 in series 'file'; sort the rows"),
        ("ds,y\n2024-01-02,1\n\n2024-01-02,2\n", "row 4: 2024-01-02 stands twice"),
        ("id,ds,y\nA,1,1\nB,1,1\nA,1,2\nB,2,2\n", "row 4: 1 stands twice in series 'A'"),
        ("ds,y\n1,\n2,NaN\n", "series 'file': all values are missing"),
        ("ds,y\n1,1\n", "series 'file': has one row"),
        ("ds,y\n2024-01-01T00:00Z,1\n2024-01-02,1\n", "row 3.*'2024-01-02' has no time zone"),
        ("ds,y\n2024-01-01,1\n2024-01-02 00:00+01,1\n", "row 3.*has a time zone, unlike"),
        ("ds,y\n01/02/2024,1\n02/02/2024,1\n", "either number to be the day"),
        ("ds,y\n13/02/2024,1\n02/13/2024,1\n", "both number to be the day"),
        ("ds,y\n2024-02-30,1\n2024-03-01,1\n", "'2024-02-30' is no date"),
        ("ds,y\n1500-02-01,1\n2024-03-01,1\n", "'1500-02-01' is no date from 1678"),
        ("ds,y\n2024-03-01,1\nlater,1\n", "row 3, column 'ds': 'later' is no date"),
        ("ds,y\n2024-03-01,1\n,1\n", "row 3, column 'ds': '' is no date"),
        ("ds,y\n1,1\n2,1,3\n", "row 3: has 3 cells, the first row 2"),
        ("ds,y\n1,1\n2\n", "row 3: has 1 cells, the first row 2"),
        ('ds,y\n1,"1\n2,2\n', "row 3: no readable table .* is a quote left open"),
        ('ds,y\n1,"' + "a" * 200_000 + '"\n', "row 2: no readable table"),
        ("ds,y,y\n1,1,1\n2,2,2\n", "two columns are called 'y'"),
        ("ds,who\n1,me\n2,you\n", "no column of numbers; there are ds, who"),
        ("id,ds,y\nA,1,1\n,2,1\n", "row 3: column 'id' is empty"),
        ("id,ds,a,b\nA,1,1,1\nA,2,1,1\n", "which of a, b is the target"),
        (b"ds,y\n1,\xff\n", "byte 7 is not UTF-8"),
        (b"ds,y\n1,\0\n", "holds NUL bytes"),
        (b"\xff\xfea", "byte 2 is not UTF-16"),
        (",".join(f"c{k}" for k in range(10**6)), "has 1000000 columns; at most 20000"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(table: Read, content: str | bytes, message: str):
    with pytest.raises(DataError, match=message) as caught:
        table(content)
    assert "\n" not in str(caught.value)
    assert "file.csv" in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"target": ("yy",)}, "no column 'yy'; did you mean 'y'"),
        ({"id": "nothing"}, "no column 'nothing'; there are ds, y, p, s"),
        ({"known": ("p",)}, "row 3: column 'p' must be known in every row"),
        ({"static": ("p",)}, "row 3: column 'p' must be there and stay the same .* 'file'"),
        ({"static": ("s",)}, "row 3: column 's' must be there"),
    ],
)
def test_wrong_columns_are_told(table: Read, columns: dict[str, object], message: str):
    with pytest.raises(DataError, match=message):
        table("ds,y,p,s\n1,1,1,1\n2,1,,2\n3,1,1,3\n", **columns)


def test_a_column_plays_one_part():
    with pytest.raises(ConfigError, match="'y' is named for two things"):
        Columns(target=("y",), known=("y",))


@pytest.mark.parametrize("limit", ["MAX_BYTES", "MAX_CELLS"])
def test_a_small_archive_cannot_unpack_to_any_size(
    table: Read, monkeypatch: pytest.MonkeyPatch, limit: str
):
    for module in ("reading", "reading_csv", "reading_table"):
        monkeypatch.setattr(f"wavegen_series.tables.{module}.{limit}", 10_000, raising=False)
    with pytest.raises(DataError, match="more than"):
        table(gzip.compress(b"1\n" * 20_000), "x.csv.gz")


def test_many_series(table: Read):
    rows = (f"s{k % 1000},{k},{k}" for k in range(3000))
    found = table("\n".join(["unique_id,ds,y", *rows]))
    assert len(found) == 1000
    np.testing.assert_array_equal(found[7].values[:, 0], [7, 1007, 2007])


def test_numpy_arrays(tmp_path: Path):
    path = tmp_path / "wave.npy"
    np.save(path, np.arange(24.0, dtype=np.float32).reshape(2, 4, 3))
    second = read(path, Columns(target=("a", "b", "c")))[1]
    assert (second.name, second.names.channels) == ("wave-1", ("a", "b", "c"))
    np.testing.assert_array_equal(second.values, np.arange(12, 24).reshape(4, 3))
    np.save(path, np.arange(5))
    assert read(path, Columns())[0].names.channels == ("y",)
    for bad in (np.array(["a", "b"]), np.zeros((2, 2, 2, 2)), np.zeros((3, 0)), np.zeros(1)):
        np.save(path, bad)
        with pytest.raises(DataError, match="wave"):
            read(path, Columns())
    np.save(path, np.array([{}, []], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"no readable \.npy file"):
        read(path, Columns())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([1.0, np.inf]), "infinite"),
        (np.array([np.nan, np.nan]), "all values are missing"),
        (np.array([]), "has no rows"),
        (np.array([1j, 2]), "no series"),
    ],
)
def test_arrays_that_are_no_series(values: np.ndarray, message: str):
    with pytest.raises(DataError, match=message):
        from_array(values)


def test_other_files_are_refused(tmp_path: Path):
    (tmp_path / "folder.csv").mkdir()
    for name, message in (
        ("none.csv", "does not exist"),
        ("folder.csv", "is a folder"),
        ("x.xlsx", "ends in .csv"),
    ):
        with pytest.raises(DataError, match=message):
            read(tmp_path / name, Columns())


SEEDS = {
    ".csv": b"unique_id,ds,y,p\nA,2024-01-01,1.5,1\nA,2024-01-02,,2\nA,20240105,4,\n"
    b'"B, x",2024-01-02,3,3\n"B, x",2024-01-03,2,3\n',
    ".csv.gz": gzip.compress(b"ds;y\n31.01.2024;1,5\n01.02.2024;2\n"),
}


@pytest.mark.parametrize("ending", SUFFIXES)
@shared_folder
@given(data=st.data())
def test_hostile_bytes_are_read_or_refused(tmp_path: Path, ending: str, data: st.DataObject):
    if ending not in SEEDS and ending in (".npy", ".parquet"):
        pytest.importorskip("pyarrow")
        path = tmp_path / f"seed{ending}"
        write_series(tmp_path / "seed.parquet", [from_array([1.0, 2.0])])
        np.save(tmp_path / "seed.npy", np.arange(3.0))
        SEEDS[ending] = path.read_bytes()
    content = bytearray(SEEDS.get(ending, SEEDS[".csv"]))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    path = tmp_path / f"x{ending}"
    path.write_bytes(bytes(content))
    said = "one line"
    try:
        found = read(path, Columns())
    except WavegenError as error:
        found, said = [], str(error)
    assert len(said.splitlines()) == 1
    assert all(np.isfinite(one.values).any() and len(one) > 1 for one in found)
