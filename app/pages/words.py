"""The words of the pages: Chinese in the templates, one English catalogue beside them.

The Chinese text is the message id, so the default language needs no look-up and no catalogue. The English
catalogue is compiled in memory at start; no ``.mo`` files are kept. Codes, roles and refusals are worded in
``app.wording`` instead, since gates and the API say them too.

Where English says one thing and several differently, the catalogue has both (``msgstr[0]``, ``msgstr[1]``), and the count is
the fact ``n``; the text stands in pages and templates like any other, for Chinese has one form.
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


@lru_cache(maxsize=1)
def _english() -> tuple[NullTranslations, frozenset[str]]:
    """The English catalogue, and its texts that have two forms."""
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="en")
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled), frozenset(m.id[0] for m in catalogue if m.pluralizable)


def form(language: str, text: str, n: object = None) -> str:
    """``text`` in ``language``, its places not filled yet; in English, where it has two forms, that of one thing when ``n`` is 1.

    Chinese, and anything unknown, is its own translation.
    """
    if language != "en":
        return text
    english, counted = _english()
    return english.ngettext(text, text, 1 if str(n) == "1" else 2) if text in counted else english.gettext(text)


def tr(language: str, text: str, **facts: object) -> str:
    """``text`` in ``language``, with ``%(name)s`` filled from ``facts``; ``n`` is its count."""
    said = form(language, text, facts.get("n"))
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

    kept: dict[str, str | tuple[str, ...]] = {}
    if CATALOGUE.exists():
        with CATALOGUE.open("rb") as file:
            kept = {m.id[0] if m.pluralizable else str(m.id): m.string for m in read_po(file, locale="en") if m.id}
    catalogue = Catalog(locale="en", project="Muster", fuzzy=False)
    for text, places in sorted(texts().items(), key=lambda item: item[1]):
        # Lines are left out of the file: every edit of a template would change half of it.
        english = kept.get(text, "")
        of = text if isinstance(english, str) else (text, text)
        catalogue.add(of, english, locations=[(place, None) for place in sorted({p for p, _ in places})])
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    with CATALOGUE.open("wb") as file:
        write_po(file, catalogue, width=0, include_lineno=False, omit_header=True)
    return len(catalogue), sum(not m.string for m in catalogue if m.id)


if __name__ == "__main__":
    total, empty = update()
    print(f"{total} texts, {empty} without a translation")
