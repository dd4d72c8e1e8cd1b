"""Papers (表单) to take away from a page: links to ``/v1/projects/{id}/forms``, for whoever may take them."""

from dataclasses import dataclass

from app.pages.page import Ask, with_query


@dataclass(frozen=True)
class Paper:
    """A file to take away."""

    label: str
    url: str


def papers(ask: Ask, *wanted: tuple[str, str, dict[str, object]]) -> tuple[Paper, ...]:
    """Links to forms, in the reader's language; none for a reader who may not take papers.

    Args:
        wanted: (label of the catalogue, name of the form in its address, its query) of each.
    """
    if not ask.may("exports.make"):
        return ()
    return tuple(
        Paper(ask.say(label), with_query(f"/v1/projects/{ask.project.id}/forms/{form}", **query, language=ask.language))
        for label, form, query in wanted
    )
