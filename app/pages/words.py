"""The words of the pages: Chinese in the templates, one English catalogue beside them.

The Chinese text is the message id, so the default language needs no look-up and no catalogue. The English
catalogue is compiled in memory at start; no ``.mo`` files are kept. Codes, roles and refusals are worded in
``app.wording`` instead, since gates and the API say them too.
"""

from functools import lru_cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LOCALE = Path(__file__).resolve().parent.parent / "locale"
CATALOGUE = LOCALE / "en" / "LC_MESSAGES" / "pages.po"


@lru_cache(maxsize=4)
def translations(language: str) -> NullTranslations:
    """The catalogue of a language; Chinese, and anything unknown, is its own translation."""
    if language != "en":
        return NullTranslations()
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="en")
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def tr(language: str, text: str, **facts: object) -> str:
    """``text`` in ``language``, with ``%(name)s`` filled from ``facts``."""
    said = translations(language).gettext(text)
    return said % facts if facts else said


def marked(text: str) -> str:
    """``text`` itself: marks a text for the catalogue where it is written, to be translated where it is shown."""
    return text


# --- keeping the catalogue ------------------------------------------------------------------------------------

METHODS = [("**.py", "python"), ("**.html", "jinja2")]
KEYWORDS = {"tr": (2,), "marked": None, "say": None, "_": None, "gettext": None}
"""Functions whose texts belong in the catalogue; a number says which argument is the text."""


def texts() -> dict[str, list[tuple[str, int]]]:
    """Every text of pages and templates that wants a translation, with the places it stands."""
    from babel.messages.extract import extract_from_dir

    found: dict[str, list[tuple[str, int]]] = {}
    app = LOCALE.parent
    options = {"**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"}}
    for folder in ("pages", "templates"):
        for name, line, message, _comments, _context in extract_from_dir(app / folder, METHODS, options, KEYWORDS):
            text = message[0] if isinstance(message, tuple) else message
            found.setdefault(text, []).append((f"{folder}/{name}", line))
    return found


def update() -> tuple[int, int]:
    """Bring the catalogue to the texts there are: new ones empty, gone ones dropped. Returns (all, empty)."""
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import write_po

    kept: dict[str, str] = {}
    if CATALOGUE.exists():
        with CATALOGUE.open("rb") as file:
            kept = {str(m.id): str(m.string) for m in read_po(file, locale="en") if m.id}
    catalogue = Catalog(locale="en", project="Muster", fuzzy=False)
    for text, places in sorted(texts().items(), key=lambda item: item[1]):
        # Lines are left out of the file: every edit of a template would change half of it.
        catalogue.add(text, kept.get(text, ""), locations=[(place, None) for place in sorted({p for p, _ in places})])
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    with CATALOGUE.open("wb") as file:
        write_po(file, catalogue, width=0, include_lineno=False, omit_header=True)
    return len(catalogue), sum(not m.string for m in catalogue if m.id)


if __name__ == "__main__":
    total, empty = update()
    print(f"{total} texts, {empty} without a translation")
