"""The screen as a PNG picture, drawn without any font or program of the system.

Letters are those of the font in Pillow; everything that has to join or to be the same everywhere is drawn as a shape.
"""

from __future__ import annotations

import struct
import zlib
from importlib.util import find_spec
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.style import Style

from deepeyes_tui.app.plots.canvas import BLANK, CONTINUED, Canvas, style_parts
from deepeyes_tui.app.plots.palette import Palette
from deepeyes_tui.app.png.colors import colors_of, terminal_of
from deepeyes_tui.app.png.ink import Size
from deepeyes_tui.app.png.masks import Drawn, Part, mask_of

Pixels = NDArray[np.uint8]

SMALLEST: Final = (4, 8)
LARGEST: Final = (64, 128)
MOST_PIXELS: Final = 100_000_000
CODE_BITS: Final = 21
LAST_CODE: Final = 0x10FFFF
COMPRESSION: Final = 3
"""Of zlib's levels, the last before time grows faster than size shrinks."""


def png_available() -> bool:
    """Return whether Pillow, which has the letters, is installed."""
    return find_spec("PIL") is not None


def png_of(canvas: Canvas, palette: Palette, base: Style, *, cell: Size = (10, 20)) -> bytes:
    """Return a canvas as a PNG file, each of its cells `cell` pixels wide and high; `base` lies under every style.

    The terminal's own colours are those of a light terminal with the light theme, otherwise those of a dark one.
    Raises ValueError for an empty canvas, and for cells or a picture too small or too large; RuntimeError if Pillow is
    not installed (see `png_available`).
    """
    if not png_available():
        raise RuntimeError("a PNG picture needs Pillow: pip install pillow")
    _check(canvas, cell)
    return encoded(pixels_of(canvas, palette, base, cell))


def pixels_of(canvas: Canvas, palette: Palette, base: Style, cell: Size) -> Pixels:
    """Return a canvas as red, green and blue, `(H * cell height, W * cell width, 3)`."""
    keys, places = np.unique(_keys(canvas), return_inverse=True)
    tiles = _tiles(keys, palette, base, cell)
    rows = tiles[places.reshape(canvas.glyph.shape)].swapaxes(1, 2)  # (H, height, W, width, 3)
    return rows.reshape(canvas.height * cell[1], canvas.width * cell[0], 3)


def encoded(pixels: Pixels) -> bytes:
    """Return `(height, width, 3)` as a PNG file (ISO/IEC 15948): true colour, 8 bits, no filter."""
    height, width, _ = pixels.shape
    lines = np.zeros((height, 1 + 3 * width), np.uint8)
    lines[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), COMPRESSION)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _check(canvas: Canvas, cell: Size) -> None:
    if not all(least <= length <= most for least, length, most in zip(SMALLEST, cell, LARGEST, strict=True)):
        raise ValueError(f"a cell is from {SMALLEST} to {LARGEST} pixels wide and high, not {cell}")
    if not 0 < canvas.glyph.size * cell[0] * cell[1] <= MOST_PIXELS:
        raise ValueError(f"{canvas.width}x{canvas.height} cells are no picture of 1 to {MOST_PIXELS:,} pixels")


def _keys(canvas: Canvas) -> NDArray[np.uint64]:
    """Return what each cell shows as one number, `(H, W)`: style, part of a glyph, code point."""
    code: NDArray[np.uint64] = np.minimum(canvas.glyph, LAST_CODE).astype(np.uint64)
    part, behind = np.zeros_like(code), code == CONTINUED
    right = behind[:, 1:] & ~behind[:, :-1]
    part[:, 1:][right], part[:, :-1][right] = Part.RIGHT, Part.LEFT
    code[:, 1:][right] = code[:, :-1][right]
    code[code == CONTINUED] = BLANK
    style: NDArray[np.uint64] = canvas.style_keys().astype(np.uint64)
    style <<= np.uint64(CODE_BITS + 2)
    part <<= np.uint64(CODE_BITS)
    code |= style | part
    return code


def _tiles(keys: NDArray[np.uint64], palette: Palette, base: Style, cell: Size) -> Pixels:
    """Return the pixels of each kind of cell, `(kinds, height, width, 3)`."""
    terminal = terminal_of(palette.theme)
    looks, kinds = np.unique(keys >> np.uint64(CODE_BITS + 2), return_inverse=True)
    styles = [base + palette.style(*style_parts(look)) for look in looks.tolist()]
    colors = np.array([colors_of(style, terminal) for style in styles], np.float32)[kinds]  # (kinds, 2, 3)
    glyphs = (keys & np.uint64((1 << CODE_BITS + 2) - 1)).tolist()
    drawn = [
        Drawn(
            glyph & (1 << CODE_BITS) - 1,
            Part(glyph >> CODE_BITS),
            bool(styles[kind].bold),
            bool(styles[kind].underline),
        )
        for glyph, kind in zip(glyphs, kinds.tolist(), strict=True)
    ]
    masks = np.stack([mask_of(one, cell) for one in drawn])[..., None]  # (kinds, height, width, 1)
    ink, ground = colors[:, 0, None, None], colors[:, 1, None, None]
    return np.rint(ground + (ink - ground) * (masks / np.float32(255))).astype(np.uint8)
