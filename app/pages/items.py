"""An item of a line as its worker reads it, on his phone and on the tablet he signs on: what it is called, and how it comes about."""

from dataclasses import dataclass
from datetime import date

from app.domain.sheet import ItemKind, LineItem
from app.pages.page import Ask
from app.wording import name as label
from app.wording.wages import formula


@dataclass(frozen=True)
class ItemPart:
    """One item."""

    on: date | None
    name: str
    formula: str
    """How the amount follows from what was agreed; empty for what is withheld or moved."""
    amount_fen: int


def item_part(ask: Ask, item: LineItem) -> ItemPart:
    """An item in the reader's words."""
    if item.kind is ItemKind.WAGE:
        name = label(f"component.{item.code}", ask.language)
    elif item.kind is ItemKind.DEDUCTION:
        name = label(f"deduction_kind.{item.code}", ask.language)
    elif item.kind is ItemKind.ADVANCE:
        name = ask.say("预支（借支）")
    else:
        name = ask.say("已在别处发过")
    if item.takes_back:
        name = ask.say("改前：%(what)s", what=name)
    return ItemPart(item.work_date, name, formula(item, ask.language) if item.kind is ItemKind.WAGE else "", item.amount_fen)
