import bz2
from pathlib import Path

import pytest

from hornbook.corpus import wiki
from hornbook.corpus.extract import Raw
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.read import read_unit
from hornbook.corpus.sources import find_units
from hornbook.corpus.wiki import plain_text

HEAD = """\
<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/">
<siteinfo><base>https://de.wikipedia.org/wiki/Wikipedia:Hauptseite</base>
<namespaces><namespace key="0" />
<namespace key="6">Datei</namespace>
<namespace key="14">Kategorie</namespace></namespaces></siteinfo>
"""
WIKITEXT = """\
{{Infobox|name={{x|[[y]]}}}}
[[Datei:Hut.jpg|mini|Ein [[Hut]]]]
Ein '''Hut''' ist eine ''Kopfbedeckung''.&lt;ref&gt;Quelle&lt;/ref&gt;
Siehe [[Mütze|Mützen]] und [https://example.org hier].

== Arten ==
* Filzhut
* Strohhut
{| class="wikitable"
| Tabelle
|}
[[Kategorie:Hut]]
"""
PLAIN = """\
Ein Hut ist eine Kopfbedeckung.
Siehe Mützen und hier.

Arten

 Filzhut
 Strohhut"""


def page(
    title: str, text: str, space: str = "0", extra: str = ""
) -> str:
    return (
        f"<page><title>{title}</title><ns>{space}</ns><id>7</id>{extra}"
        "<revision><timestamp>2024-05-31T10:00:00Z</timestamp>"
        f"<text>{text}</text></revision></page>\n"
    )


PAGES = [
    page("Roter Hut", WIKITEXT),
    page("Hüte", "#WEITERLEITUNG", extra='<redirect title="Hut" />'),
    page("Diskussion:Hut", "Reden", "1"),
    page("Kappe", "Eine Kappe ist flach."),
]
DUMP = HEAD + "".join(PAGES) + "</mediawiki>"


def read_dump(path: Path) -> list[Raw]:
    source = SourceConfig(kind="wikipedia", path=str(path))
    return [
        raw
        for unit in find_units(0, source, path)
        for raw in read_unit(unit, source)
    ]


def streams(text: str) -> bytes:
    data = text.encode("utf-8")
    middle = len(data) // 2
    return bz2.compress(data[:middle]) + bz2.compress(data[middle:])


@pytest.mark.parametrize("name", ["d.xml", "d-multistream.xml.bz2"])
@pytest.mark.parametrize("folder", [True, False])
def test_articles_of_a_dump(
    tmp_path: Path, name: str, folder: bool
) -> None:
    packed = name.endswith("bz2")
    data = streams(DUMP) if packed else DUMP.encode("utf-8")
    (tmp_path / name).write_bytes(data)
    hat, cap = read_dump(tmp_path if folder else tmp_path / name)
    assert hat.text == PLAIN
    assert (hat.title, hat.date) == ("Roter Hut", "2024-05-31")
    assert hat.url == "https://de.wikipedia.org/wiki/Roter_Hut"
    assert hat.licence == "CC BY-SA 4.0"
    assert cap.text == "Eine Kappe ist flach."


def test_one_page_is_held_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiki, "CHUNK_BYTES", 100)
    monkeypatch.setattr(wiki, "LONGEST_PAGE_CHARACTERS", 200)
    (tmp_path / "d.xml").write_text(DUMP, encoding="utf-8")
    long, short = read_dump(tmp_path)
    assert long.problem == "a page too long"
    assert short.title == "Kappe"


@pytest.mark.parametrize(
    ("dump", "reason"),
    [
        (DUMP[:-40], "not whole XML"),
        ("<html></html>", "not a dump"),
        (
            '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
            + DUMP,
            "declares entities",
        ),
    ],
)
def test_what_is_no_dump_is_named(
    tmp_path: Path, dump: str, reason: str
) -> None:
    (tmp_path / "d.xml").write_text(dump, encoding="utf-8")
    assert reason in read_dump(tmp_path)[-1].problem


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("A [[File:x.png|thumb|B]]hat", "A hat"),
        ("A<br>B &amp; C<!-- no -->", "A\nB & C"),
        ("Hat ({{lang|x}}) is", "Hat is"),
        ("__NOTOC__[[fr:Chapeau]]Hat", "Hat"),
        ("<math>x</math><b>bold</b> [http://x.org]", "bold"),
        ("[[:Category:Hats]] '''''both'''''", "Category:Hats both"),
    ],
)
def test_wikitext_becomes_plain(wikitext: str, text: str) -> None:
    assert plain_text(wikitext) == text
