"""`python -m bot.process.drawn.raster DRAWING.svg PICTURE.png`: what a child does that makes a picture.

It reads fonts of its own alone: those of a system differ, and a slim one has none, which would leave every
text out.
"""

import sys
from importlib.resources import files
from pathlib import Path

PIXELS = 1200
"""How wide a picture is."""
NEEDS = ("resvg_py", "font_lato")
"""What it cannot do without: the extra `picture`."""
_FONTS = ("Lato-Regular.ttf", "Lato-Bold.ttf")


def draw(svg: str) -> bytes:
    """The drawing as a PNG."""
    import resvg_py  # noqa: PLC0415 - not everybody has it

    folder = files("font_lato") / "files"
    fonts = [str(folder / name) for name in _FONTS]
    return bytes(
        resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True, font_files=fonts, width=PIXELS)
    )


if __name__ == "__main__":
    drawing, picture = map(Path, sys.argv[1:])
    picture.write_bytes(draw(drawing.read_text("utf-8")))
