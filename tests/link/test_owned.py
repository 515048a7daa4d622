"""Files of ours whose descriptors a script has closed and used for others."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from deepeyes_tui.link.files import make_file
from deepeyes_tui.link.owned import Mark, OwnFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ours"


@pytest.fixture
def stolen(path, tmp_path):
    """A file of ours, and one of a script that has its descriptor by now."""
    file = OwnFile(path, make_file(path, b"start"))
    number = file.fileno()
    os.close(number)
    theirs = os.open(tmp_path / "theirs", os.O_RDWR | os.O_CREAT)
    assert theirs == number
    yield file, theirs
    assert os.pread(theirs, 99, 0) == b""
    os.close(theirs)


def test_it_is_opened_anew(stolen, path):
    file, theirs = stolen
    file.write(b"S", 0)
    file.append(b"!")
    assert path.read_bytes() == b"Start!"
    into = bytearray(6)
    assert file.read(memoryview(into), 0)
    assert into == b"Start!"
    assert file.fileno() != theirs
    file.close()


def test_another_file_at_its_path_is_left_alone(stolen, path):
    file, _ = stolen
    os.close(make_file(path, b"newer"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="the script has closed"):
        file.write(b"S", 0)
    assert path.read_bytes() == b"newer"
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    file.close()


def test_what_is_not_ours_is_not_closed(stolen):
    file, theirs = stolen
    file.close()
    file.close()
    os.fstat(theirs)
    with pytest.raises(OSError, match="closed"):
        file.write(b"S", 0)


def test_files_of_one_number_on_two_disks_are_two(path):
    number = make_file(path, b"")
    mark = Mark.of(number)
    assert mark.holds()
    assert not replace(mark, device=mark.device + 1).holds()
    assert not replace(mark, inode=mark.inode + 1).holds()
    os.close(number)
    assert not mark.holds()
