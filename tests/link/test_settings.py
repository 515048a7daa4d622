"""Command line over environment over file over default; a bad value names its origin."""

import pytest

from deepeyes_tui.link.settings import SettingsError, ViewOptions, load_options, parse_size


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    for name in ("COLOR", "THEME", "GLYPHS", "MAX_KBPS", "READONLY"):
        monkeypatch.delenv(f"DEEPEYES_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "deepeyes" / "config.toml"
    path.parent.mkdir()
    return path


def test_precedence(config, monkeypatch):
    assert load_options({}) == ViewOptions()
    config.write_text('theme = "light"\ncolor = "16"\nglyphs = "block"\nmax_kbps = 20\n')
    assert load_options({}) == ViewOptions(color="16", theme="light", glyphs="block", max_kbps=20)
    monkeypatch.setenv("DEEPEYES_COLOR", "256")
    monkeypatch.setenv("DEEPEYES_GLYPHS", "ascii")
    monkeypatch.setenv("DEEPEYES_THEME", "")
    monkeypatch.setenv("DEEPEYES_READONLY", "1")
    found = load_options({"color": "none", "glyphs": None, "size": (120, 40)})
    assert (found.color, found.glyphs, found.theme) == ("none", "ascii", "light")
    assert found.readonly
    assert found.size == (120, 40)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('theme = "pink"', "config.toml"),
        ("colour = 1", "unknown setting 'colour'"),
        ("theme = [", "cannot be read"),
        ("\x00", "cannot be read"),
        ('max_kbps = "many"', "max_kbps"),
        ("max_kbps = [1]", "max_kbps"),
        ("theme = 3", "theme"),
        ('readonly = "perhaps"', "readonly"),
        ("[theme]\nx = 1", "theme"),
    ],
)
def test_a_bad_file_is_one_sentence(config, text, words):
    config.write_text(text)
    with pytest.raises(SettingsError, match=words) as raised:
        load_options({})
    assert str(config) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_bad_environment_says_so(monkeypatch):
    monkeypatch.setenv("DEEPEYES_COLOR", "many")
    with pytest.raises(SettingsError, match=r"environment.*truecolor"):
        load_options({})


def test_a_file_that_cannot_be_read(config):
    config.mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        load_options({})


@pytest.mark.parametrize("text", ["", "120", "x", "0x0", "axb", "120x40x2", "9x40", "1001x40", "-120x40"])
def test_no_size(text):
    with pytest.raises(ValueError, match=r"size|int|unpack"):
        parse_size(text)


def test_sizes():
    assert parse_size("120x40") == (120, 40)
    assert parse_size("80X24") == (80, 24)
