"""Files on their way: whole, complete, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bnpo.cluster.parcel import Changes, pack, unpack


def test_a_folder_arrives_as_it_was(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    unpack(here, {"runs/a/config.json": b"{}", "runs/a/checkpoints/x": b"1", "configs/a": b"2"})
    (here / "runs" / "a" / "half.json.partial").write_bytes(b"{")
    unpack(there, pack(here, [here / "runs", here / "configs" / "a"]))
    assert pack(there, [there]) == {
        "configs/a": b"2",
        "runs/a/checkpoints/x": b"1",
        "runs/a/config.json": b"{}",
    }


def test_changes_are_told_once(tmp_path: Path) -> None:
    unpack(tmp_path, {"known": b"1"})
    changes = Changes(tmp_path)
    assert changes.look() is None
    unpack(tmp_path, {"runs/new": b"2", "known": b"longer"})
    parcel = changes.look()
    assert parcel is not None
    assert parcel.files == {"runs/new": b"2", "known": b"longer"}
    (tmp_path / "known").unlink()
    parcel = changes.look()
    assert parcel is not None
    assert parcel.files == {}
    assert parcel.names == {"runs/new"}
    assert changes.look() is None
    parcel = changes.look(status=3)
    assert parcel is not None
    assert parcel.status == 3


def test_what_comes_and_goes_is_left_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parcel in the middle of a checkpoint would hold a manifest without its files."""
    changes = Changes(tmp_path)
    unpack(tmp_path, {"step-1.json": b"{}"})
    read = Path.read_bytes

    def read_while_written(path: Path) -> bytes:
        (tmp_path / "state-1").write_bytes(b"")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_while_written)
    assert changes.look() is None
    monkeypatch.undo()
    parcel = changes.look()
    assert parcel is not None
    assert parcel.names == {"step-1.json", "state-1"}


def test_a_name_that_leads_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no file of"):
        unpack(tmp_path / "folder", {"../out": b""})
    assert not (tmp_path / "out").exists()
