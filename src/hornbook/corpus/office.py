"""Documents of office programs, books and mail, by ``markitdown``.

Each is held in memory and read on this machine alone: no plugin, no
model, no network. What the package stumbles over becomes a problem.
"""

import email
import email.policy
import email.utils
import io
import logging
import warnings
from email.message import EmailMessage

from hornbook.corpus.encodings import Unreadable
from hornbook.corpus.extract import Raw, Reader, read_html
from hornbook.corpus.origin import SourceConfig

NEEDED = "needs markitdown: pip install hornbook[office]"
PICTURES = "a PDF without text: pictures of pages"
SEALED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""An encrypted document lies in a container of the older kind."""
WRONG = (LookupError, ValueError, TypeError, AttributeError)
"""What a mail that keeps to no form raises as it is read."""
CONVERTERS = {
    ".pdf": "PdfConverter",
    ".docx": "DocxConverter",
    ".epub": "EpubConverter",
    ".pptx": "PptxConverter",
    ".xlsx": "XlsxConverter",
    ".msg": "OutlookMsgConverter",
}


def read_office(data: bytes, kind: str) -> Raw:
    """Turn a document into Markdown, with the title it states.

    Raises:
        Unreadable: it is damaged, encrypted or without text, or the
            package that reads it is not installed.
    """
    try:
        from markitdown import StreamInfo, converters
    except ImportError as error:
        raise Unreadable(NEEDED) from error

    # See what no converter would tell apart
    if kind in (".docx", ".pptx", ".xlsx") and data.startswith(SEALED):
        raise Unreadable("encrypted")

    # Convert it; any document may break the package in any way
    converter = getattr(converters, CONVERTERS[kind])()
    about = StreamInfo(extension=kind)
    logging.getLogger("pdfminer").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = converter.convert(io.BytesIO(data), about)
    except Exception as error:
        raise Unreadable(_reason(error, kind)) from error
    text = found.markdown
    if not text.strip():
        no_text = PICTURES if kind == ".pdf" else "without text"
        raise Unreadable(no_text)
    return Raw(text=text, title=found.title or "")


def read_mail(data: bytes, source: SourceConfig) -> Raw:
    """Take a mail's subject, day and text, but nothing attached.

    Raises:
        Unreadable: it has no text.
    """
    try:
        mail = email.message_from_bytes(
            data, policy=email.policy.default
        )
        assert isinstance(mail, EmailMessage)
        body = mail.get_body(("plain", "html"))
        content = body.get_content() if body else ""
        subject, day = str(mail["subject"] or ""), str(mail["date"])
    except WRONG as error:
        raise Unreadable("a mail that cannot be read") from error
    if body and body.get_content_type() == "text/html":
        content = read_html(content.encode("utf-8"), source).text
    if not content.strip():
        raise Unreadable("a mail without text")
    return Raw(text=content, title=subject, date=_day(day))


def _day(told: str) -> str:
    """Write the day of a mail down, if it says one."""
    try:
        day = email.utils.parsedate_to_datetime(told)
        return day.date().isoformat()
    except (ValueError, TypeError, OverflowError):
        return ""


def _reason(error: BaseException, kind: str) -> str:
    """Say in words why a document could not be converted."""
    chain: BaseException | None = error
    while chain:
        name = type(chain).__name__
        if "Password" in name or "Encrypt" in name:
            return "encrypted"
        if "MissingDependency" in name:
            return NEEDED
        chain = chain.__cause__ or chain.__context__
    return f"a {kind[1:].upper()} that cannot be read ({name})"


def _converted(kind: str) -> Reader:
    """Make the reader of a kind of documents."""

    def read(data: bytes, source: SourceConfig) -> Raw:
        return read_office(data, kind)

    return read


OFFICE: dict[str, Reader] = {
    ".eml": read_mail,
    **{kind: _converted(kind) for kind in CONVERTERS},
}
