"""What reads a script's output."""

import resource

from deepeyes_tui.script.output import MISSING, Log


def test_a_log_takes_what_fits_and_says_where_something_is_missing(tmp_path):
    log, before = Log(str(tmp_path / "log")), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        log.write(b"a" * 80)
        log.write(b"b" * 80)
        log.write(b"c" * 80)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    log.write(b"d")
    log.write(b"e")
    assert (tmp_path / "log").read_bytes() == b"a" * 80 + b"b" * 20 + MISSING + b"de"


def test_no_log_at_all_is_no_error(tmp_path):
    Log(str(tmp_path / "nowhere" / "log")).write(b"a")
    assert not list(tmp_path.iterdir())
