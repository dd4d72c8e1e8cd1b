"""The projects somebody may see; with one project there is nothing to choose."""

from dataclasses import dataclass

from app import access
from app.pages import page
from app.pages.page import Ask, Page, shown
from app.pages.words import marked
from app.store.people import ProjectInfo


@dataclass(frozen=True)
class ProjectsContext:
    """What the list of projects shows."""

    projects: tuple[ProjectInfo, ...] = shown("Projects the reader may know of")
    can_create: bool = shown("The reader is an administrator: told how to make the first project")
    service_journal: bool = shown("The reader may read the lines of no project: a link leads there")


def gather(ask: Ask):
    """The list, or straight to the only project; an inspector's list is the county, a worker has his own page."""
    if ask.person.memberships and all(m.role is access.Role.INSPECTOR for m in ask.person.memberships):
        return page.go("/county")
    if ask.person.memberships and all(m.role is access.Role.WORKER for m in ask.person.memberships):
        return page.go("/me")
    projects = tuple(access.projects_of(ask.db, ask.person))
    can_create = access.may(ask.person, "projects.create")
    # Who makes projects and accounts does it from this list.
    if len(projects) == 1 and not can_create:
        return page.go(f"/projects/{projects[0].id}")
    return ProjectsContext(projects, can_create, ask.may("journal.service"))


PAGE = Page("/", marked("项目"), "projects.html", None, ProjectsContext, gather)
