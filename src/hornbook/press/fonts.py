"""The book's faces: where they are, and which characters they hold."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable

from hornbook.base.errors import MissingToolError
from hornbook.base.machine import cache_folder

TEXT = "texgyrepagella"
MONO = "IBMPlexMono"
FIGURE_FAMILY = "Hornbook Figures"
FAMILY_NAMES = (1, 16)
"""The records of a font's name table that hold its family."""
MONO_FACES = ("Regular", "Italic", "SemiBold", "SemiBoldItalic")
FOLDERS = (
    "/usr/share/texmf/fonts/opentype/public/tex-gyre",
    "/usr/share/texmf-dist/fonts/opentype/public/tex-gyre",
    "/usr/share/fonts/opentype/tex-gyre",
)
NOTO = (
    "/usr/share/fonts/truetype/noto",
    "/usr/share/fonts/opentype/noto",
    "/usr/share/fonts/noto",
)

UNREADABLE = "\N{REPLACEMENT CHARACTER}"
UNREADABLE_TEX = '{\\char"FFFD}'
"""LuaTeX takes the character itself for a fault of the file."""
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
"""Characters without a shape, at some of which TeX stops."""


@dataclass(frozen=True)
class Face:
    """A font file that stands in for characters ours lack."""

    path: Path
    codes: frozenset[int]
    fixed: bool = False
    """Whether all its letters are equally wide."""


@dataclass
class Glyphs:
    """Which characters can be set, and in which face.

    ``text`` and ``mono`` are None where the font's file is unknown;
    then nothing is checked here and TeX's own log is the only witness.
    """

    text: frozenset[int] | None = None
    mono: frozenset[int] | None = None
    others: tuple[Face, ...] = ()
    missing: dict[str, int] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)

    def lacks(self, text: str) -> str:
        """Give the characters of ``text`` that our text face lacks."""
        if self.text is None:
            return ""
        lost = (c for c in text if ord(c) not in self.text)
        return "".join(c for c in lost if c not in "\n\t")

    def wrap(self, text: str, own: frozenset[int] | None) -> str:
        """Set what ``own`` lacks in another face, a word in one face.

        What no face holds becomes a small box with its code point, and
        is counted in ``missing``. What has no shape is unreadable.
        """
        text = CONTROL.sub(UNREADABLE, text)
        if own is None or text.isascii():
            return text.replace(UNREADABLE, UNREADABLE_TEX)
        fixed = own is self.mono
        out = []
        for part in re.split("([^\\x00-\\x7f]+)", text):
            codes = frozenset(map(ord, part))
            if part.isascii() or codes <= own:
                out.append(part)
            elif self._face(codes, fixed) is not None:
                out.append(self._set(part, fixed))
            else:
                out += (
                    c if ord(c) in own else self._set(c, fixed)
                    for c in part
                )
        return "".join(out).replace(UNREADABLE, UNREADABLE_TEX)

    def _face(self, codes: frozenset[int], fixed: bool) -> int | None:
        """Number a face that holds these characters, of a like kind."""
        able = [
            n for n, f in enumerate(self.others) if codes <= f.codes
        ]
        like = [n for n in able if self.others[n].fixed == fixed]
        return min(like or able, default=None)

    def _set(self, part: str, fixed: bool) -> str:
        """Set characters in another face, or as boxes."""
        face = self._face(frozenset(map(ord, part)), fixed)
        if face is None:
            return "".join(map(self._box, part))
        self.used.add(face)
        return f"\\otherface{letter(face)}{{{part}}}"

    def _box(self, char: str) -> str:
        """Stand in for a character that no face holds."""
        self.missing[char] = self.missing.get(char, 0) + 1
        return f"\\missingglyph{{{ord(char):04X}}}"


def letter(number: int) -> str:
    """Name a number as TeX's macros can: 0 is ``A``, 26 is ``BA``."""
    name = chr(65 + number % 26)
    while number >= 26:
        number = number // 26
        name = chr(65 + number % 26) + name
    return name


def find(name: str) -> Path | None:
    """Find a text face's file through TeX, the system, or its place."""
    if shutil.which("kpsewhich"):
        done = subprocess.run(
            ["kpsewhich", name],
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        if done.stdout.strip():
            return Path(done.stdout.strip())
    for folder in FOLDERS:
        if (Path(folder) / name).exists():
            return Path(folder) / name
    return None


def mono_folder() -> Path:
    """The folder of the monospaced face's files.

    Raises:
        MissingToolError: the package that carries them is not there.
    """
    spec = find_spec("fontpkg_ibm_plex_mono")
    if spec is None or spec.origin is None:
        raise MissingToolError(
            "the book's monospaced face is missing; run "
            "'pip install fontpkg-ibm-plex-mono'"
        )
    return Path(spec.origin).parent / "files"


@cache
def coverage(path: Path) -> frozenset[int]:
    """The code points that a font file maps to a glyph."""
    with TTFont(path, lazy=True, fontNumber=0) as font:
        return frozenset(font.getBestCmap() or {})


def book_glyphs() -> Glyphs:
    """Describe the faces that are installed on this machine."""
    text = find(f"{TEXT}-regular.otf")
    mono = mono_folder() / f"{MONO}-Regular.ttf"
    return Glyphs(
        text=coverage(text) if text else None,
        mono=coverage(mono),
        others=tuple(
            Face(path, coverage(path), "Mono" in path.name)
            for path in (*noto_faces(), *dejavu_faces())
        ),
    )


@cache
def noto_faces() -> tuple[Path, ...]:
    """Noto's regular faces, from PyPI's packages and the system.

    Colour fonts are left out: a book of ink cannot use them.
    """
    found: dict[str, Path] = {}
    for folder in (*_packaged_noto(), *map(Path, NOTO)):
        for path in sorted(folder.rglob("Noto*")):
            if _is_regular(path):
                found.setdefault(path.name, path)
    return tuple(sorted(found.values(), key=_preference))


def dejavu_faces() -> tuple[Path, ...]:
    """The faces that matplotlib carries: Greek, Cyrillic, arrows."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        return ()
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    names = ("DejaVuSerif", "DejaVuSans", "DejaVuSansMono")
    paths = (folder / f"{name}.ttf" for name in names)
    return tuple(path for path in paths if path.exists())


def _packaged_noto() -> Iterable[Path]:
    """The folders of installed ``fontpkg-noto-*`` packages."""
    spec = find_spec("fontpkg_ibm_plex_mono")
    if spec is None or spec.origin is None:
        return []
    site = Path(spec.origin).parent.parent
    return sorted(site.glob("fontpkg_noto_*/files"))


def _is_regular(path: Path) -> bool:
    """Whether a file is an upright face of normal weight."""
    name = path.stem
    kind = path.suffix.lower() in {".ttf", ".otf", ".ttc"}
    plain = "Italic" not in name and "Color" not in name
    weight = name.endswith("-Regular") or "[" in name
    return kind and plain and weight


def _preference(path: Path) -> tuple[int, int, str]:
    """Serif before sans, the general face before those of scripts."""
    return (
        0 if "Serif" in path.name else 1,
        len(path.name),
        path.name,
    )


def as_truetype(path: Path) -> Path:
    """Turn a CFF face into TrueType outlines, once, in the cache.

    matplotlib embeds CFF outlines in a way that PDF viewers warn of;
    quadratic outlines come out clean. The face gets a name of its own,
    so that it is not mistaken for the original. About 0.7 s a face.
    """
    out = cache_folder() / "fonts" / f"figure-{path.stem}.ttf"
    if out.exists():
        return out
    font = TTFont(path)
    _quadratic(font)
    for record in font["name"].names:
        if record.nameID in FAMILY_NAMES:
            record.string = FIGURE_FAMILY
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_suffix(f".{os.getpid()}")
    font.save(fresh)
    os.replace(fresh, out)
    return out


def _quadratic(font: TTFont) -> None:
    """Replace a font's cubic outlines by quadratic ones, in place."""
    # Draw every glyph again with quadratic curves
    glyphs, outlines = {}, font.getGlyphSet()
    for name in font.getGlyphOrder():
        pen = TTGlyphPen(outlines)
        outlines[name].draw(
            Cu2QuPen(pen, max_err=1.0, reverse_direction=True)
        )
        glyphs[name] = pen.glyph()

    # Put the tables of a TrueType font in the place of CFF's
    font["loca"] = newTable("loca")
    font["glyf"] = newTable("glyf")
    font["glyf"].glyphOrder = font.getGlyphOrder()
    font["glyf"].glyphs = glyphs
    for table in ("CFF ", "VORG"):
        if table in font:
            del font[table]

    # Say so in the tables that describe the font
    limits = font["maxp"]
    limits.tableVersion = 0x00010000
    limits.maxZones = 1
    for name in TRUETYPE_LIMITS:
        setattr(limits, name, 0)
    font["post"].formatType = 2.0
    font["post"].extraNames, font["post"].mapping = [], {}
    font.sfntVersion = "\0\1\0\0"


TRUETYPE_LIMITS = (
    "maxTwilightPoints",
    "maxStorage",
    "maxFunctionDefs",
    "maxInstructionDefs",
    "maxStackElements",
    "maxSizeOfInstructions",
    "maxComponentElements",
)
