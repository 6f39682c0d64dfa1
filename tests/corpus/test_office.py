import builtins
import io
import zipfile
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.corpus import office
from hornbook.corpus.extract import Raw, Unreadable
from hornbook.corpus.office import OFFICE
from hornbook.corpus.origin import SourceConfig

FOLDER = SourceConfig(kind="folder", path="x")


def pdf(text: str) -> bytes:
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    data = io.BytesIO()
    figure = Figure()
    figure.text(0.1, 0.5, text)
    with PdfPages(data) as pages:
        pages.savefig(figure)
    return data.getvalue()


def docx(text: str) -> bytes:
    data = io.BytesIO()
    space = "http://schemas.openxmlformats.org"
    main = f"{space}/officeDocument/2006/relationships/officeDocument"
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{space}/package/2006/content-types"/>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{space}/package/2006/'
            'relationships">'
            f'<Relationship Id="r1" Type="{main}" '
            'Target="word/document.xml"/></Relationships>',
        )
        archive.writestr(
            "word/document.xml",
            '<w:document xmlns:w="'
            f'{space}/wordprocessingml/2006/main"><w:body><w:p><w:r>'
            f"<w:t>{text}</w:t></w:r></w:p></w:body></w:document>",
        )
    return data.getvalue()


def xlsx(text: str) -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book, data = openpyxl.Workbook(), io.BytesIO()
    book.active.append([text, 7])
    book.save(data)
    return data.getvalue()


def pptx(text: str) -> bytes:
    package = pytest.importorskip("pptx")
    slides, data = package.Presentation(), io.BytesIO()
    slide = slides.slides.add_slide(slides.slide_layouts[5])
    slide.shapes.title.text = text
    slides.save(data)
    return data.getvalue()


def epub(text: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:'
            'container"><rootfiles><rootfile full-path="c.opf"/>'
            "</rootfiles></container>",
        )
        archive.writestr(
            "c.opf",
            '<package xmlns="http://www.idpf.org/2007/opf" '
            'xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
            "<dc:title>Hats</dc:title></metadata><manifest>"
            '<item id="a" href="a.html"/></manifest>'
            '<spine><itemref idref="a"/></spine></package>',
        )
        archive.writestr("a.html", f"<body><p>{text}</p></body>")
    return data.getvalue()


MAKERS = {
    ".pdf": pdf, ".docx": docx, ".xlsx": xlsx, ".pptx": pptx,
    ".epub": epub,
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_documents_give_their_text(kind: str) -> None:
    pytest.importorskip("markitdown")
    raw = OFFICE[kind](MAKERS[kind]("A hat keeps warm"), FOLDER)
    assert "A hat keeps warm" in raw.text


def test_pictures_of_pages_are_named() -> None:
    pytest.importorskip("markitdown")
    with pytest.raises(Unreadable, match="pictures of pages"):
        OFFICE[".pdf"](pdf(""), FOLDER)


@pytest.mark.parametrize("kind", [".docx", ".xlsx", ".pptx"])
def test_encrypted_documents_are_named(kind: str) -> None:
    pytest.importorskip("markitdown")
    with pytest.raises(Unreadable, match="^encrypted$"):
        OFFICE[kind](office.SEALED + b"\0" * 600, FOLDER)


def test_an_encrypted_pdf_is_named() -> None:
    pytest.importorskip("markitdown")
    data = pdf("A hat").replace(
        b"trailer\n<<", b"trailer\n<< /Encrypt << /Filter /Standard "
        b"/V 1 /R 2 /P -4 /O <" + b"00" * 32 + b"> /U <" + b"11" * 32
        + b"> >> /ID [<00> <00>]",
    )  # fmt: skip
    with pytest.raises(Unreadable, match="^encrypted$"):
        OFFICE[".pdf"](data, FOLDER)


@given(
    st.binary(max_size=200), st.sampled_from(sorted(OFFICE)),
    st.sampled_from([b"", b"%PDF-1.7\n", b"PK\x03\x04"]),
)  # fmt: skip
def test_any_bytes_are_a_document_or_refused(
    data: bytes, kind: str, head: bytes
) -> None:
    pytest.importorskip("markitdown")
    try:
        raw = OFFICE[kind](head + data, FOLDER)
    except Unreadable as error:
        assert str(error)
    else:
        assert isinstance(raw, Raw)


def test_without_the_package_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("markitdown"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(Unreadable, match=r"hornbook\[office\]"):
        OFFICE[".pdf"](b"%PDF", FOLDER)


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_mail_gives_its_subject_day_and_text(kind: str) -> None:
    mail = EmailMessage()
    mail["Subject"] = "Hüte"
    mail["Date"] = "Fri, 31 May 2024 10:00:00 +0000"
    text = "The hats are ready to be fetched."
    mail.set_content(
        f"<p>{text}</p>" if kind == "html" else text, subtype=kind
    )
    mail.add_attachment(b"\0", maintype="image", subtype="png")
    raw = OFFICE[".eml"](mail.as_bytes(), FOLDER)
    assert raw.text.strip() == text
    assert (raw.title, raw.date) == ("Hüte", "2024-05-31")
