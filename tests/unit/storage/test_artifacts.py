import numpy as np
import pytest
from relabel.storage.artifacts import load_arrays, save_arrays


def test_arrays_come_back_as_they_were(tmp_path):
    given = {"ids": np.arange(3), "probs": np.eye(2, dtype=np.float32), "seed": np.int64(7)}
    name = save_arrays(tmp_path / "new" / "folder", "round-1", **given)
    assert name == "round-1.npz"
    found = load_arrays(tmp_path / "new" / "folder", name)
    assert set(found) == set(given)
    for key, value in given.items():
        np.testing.assert_array_equal(found[key], value)
        assert found[key].dtype == value.dtype


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    save_arrays(tmp_path, "round-1", ids=np.arange(3))
    with pytest.raises(TypeError, match="arrays of objects are not kept: odd"):
        save_arrays(tmp_path, "round-1", ids=np.arange(4), odd=np.array([object()]))
    assert [p.name for p in tmp_path.iterdir()] == ["round-1.npz"]
    assert len(load_arrays(tmp_path, "round-1.npz")["ids"]) == 3


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    save_arrays(tmp_path, "round-1", ids=np.arange(3))

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("relabel.storage.artifacts.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_arrays(tmp_path, "round-1", ids=np.arange(4))
    assert [p.name for p in tmp_path.iterdir()] == ["round-1.npz"]
    assert len(load_arrays(tmp_path, "round-1.npz")["ids"]) == 3


def test_pickled_objects_are_refused(tmp_path):
    np.savez(tmp_path / "bad.npz", odd=np.array([object()]))
    with pytest.raises(ValueError, match="allow_pickle"):
        load_arrays(tmp_path, "bad.npz")
