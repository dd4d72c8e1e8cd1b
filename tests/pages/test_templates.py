"""Every page declares what it shows: its template uses exactly that, and each value is explained."""

from dataclasses import fields

import jinja2
import pytest
from jinja2 import meta, nodes

from app import access, pages
from app.pages import page, screen
from app.pages.sign_in import SignInContext

TEMPLATES = [*((p.template, p.context) for p in pages.PAGES), ("sign_in.html", SignInContext), ("error.html", pages.ErrorContext),
             ("screen.html", screen.GateScreenContext), ("wall.html", screen.WallContext), ("screen_code.html", screen.CodeContext)]  # fmt: skip
GIVEN = {"shell"} | set(page.environment("zh").globals)


def source(name: str) -> str:
    return (page.TEMPLATES / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("template", "context"), TEMPLATES, ids=[t for t, _ in TEMPLATES])
def test_a_template_uses_exactly_what_its_page_declares(template, context):
    tree = page.environment("zh").parse(source(template))
    # Jinja does not see that a block may use the macros its template imports or makes.
    macros = {name for node in tree.find_all(nodes.FromImport) for name in node.names} | {m.name for m in tree.find_all(nodes.Macro)}
    used = meta.find_undeclared_variables(tree) - GIVEN - macros
    declared = {f.name for f in fields(context)}
    # The project's id is there for links; a page without a link does not need it.
    assert used <= declared, f"{template} uses what nobody declared: {used - declared}"
    assert declared - used <= {"project_id"}, f"{template} does not show {declared - used}"


@pytest.mark.parametrize(("template", "context"), TEMPLATES, ids=[t for t, _ in TEMPLATES])
def test_every_value_is_explained(template, context):
    for each in fields(context):
        assert len(each.metadata.get("shown", "")) > 8, f"{context.__name__}.{each.name} is not explained"


@pytest.mark.parametrize("each", pages.PAGES, ids=lambda p: p.path)
def test_every_page_has_a_title_and_a_known_action(each):
    assert each.title.strip()
    assert each.action is None or each.action in access.ACTIONS
    assert each.action is not None or not each.of_project


def test_every_act_has_a_known_action():
    for act in pages.ACTS:
        # Without one it is about one's own account: anybody who is signed in.
        assert act.action in access.ACTIONS or (act.action is None and act.path.startswith("/account/"))


def test_a_missing_value_is_an_error_and_not_an_empty_place():
    with pytest.raises(jinja2.UndefinedError):
        page.environment("zh").from_string("{{ nobody }}").render()


def test_names_are_escaped():
    text = page.environment("zh").from_string("{{ name }}").render(name="<b>王</b>")
    assert "<b>" not in text


def test_every_page_with_a_word_of_its_own_stands_once_in_the_menu():
    behind = [each.path for _, pages_of in pages.GROUPS for each in pages_of]
    assert sorted(behind) == sorted(each.path for each in pages.PAGES if each.menu)
    assert set(pages.PARENTS.values()) <= {*behind, *(each.path for each in pages.SERVICE)}


def test_a_link_never_leads_to_another_site():
    for text in ("//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil", "javascript:x", "", None):
        assert page.local_path(text) == "/"
    assert page.local_path("/projects/1?month=2026-03") == "/projects/1?month=2026-03"
