"""The ends of the calendar are answered like any other date that makes no sense: never with a 500.

Tried as somebody who may ask: every documented parameter and field that is a date, a month, a year or an instant, one at a
time; every page with every word of its address that names one.
"""

import re
from collections.abc import Iterator
from typing import Any

from tests.app.test_permissions import (  # noqa: F401 - fixtures
    ELSEWHERE,
    OPEN,
    ROUTES,
    SIGNED_IN,
    Facts,
    client,
    every_role,
    quick_passwords,
    roles_of_pages,
    site,
)

ENDS = {
    "month": ("9999-12", "0001-01"),
    "year": ("9999", "0"),
    "date": ("9999-12-31", "0001-01-01"),
    "date-time": ("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"),
}
WORDS = {"month": "month", "day": "date", "on": "date"}
"""Words of the pages' addresses."""


def kind_of(name: str, schema: dict[str, Any]) -> str:
    """A key of ``ENDS``; empty for what is something else."""
    formats = {one.get("format") for one in (schema, *schema.get("anyOf", ()))}
    named = "month" if name == "month" or name.endswith("_month") else "year" if name == "year" else ""
    return next((f for f in ("date", "date-time") if f in formats), named)


def dated(document: dict[str, Any], method: str, path: str) -> Iterator[tuple[str, str, str]]:
    """(path, query, json or data; name; kind) of everything dated in a documented call."""
    told = document["paths"].get(path, {}).get(method.lower(), {})
    for one in told.get("parameters", ()):
        yield one["in"], one["name"], kind_of(one["name"], one["schema"])
    for media, sent in told.get("requestBody", {}).get("content", {}).items():
        schema = sent.get("schema", {})
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        for name, field in schema.get("properties", {}).items():
            yield "json" if media == "application/json" else "data", name, kind_of(name, field)


def status_with(client, site, method: str, path: str, where: str, name: str, value: str) -> int:  # noqa: F811
    row, facts = ROUTES[method, path], Facts(site)
    may = roles_of_pages()[method, path] if row.may == ELSEWHERE else "L" if row.may in (OPEN, SIGNED_IN) else row.may
    headers = {"Authorization": f"Bearer {site.tokens['own', may[0]]}"} | (row.headers(facts) if row.headers else {})
    headers |= {"Accept": "text/html"} if row.page else {}
    sent: dict[str, Any] = row.form(facts) if row.form else {"json": row.body(facts)} if row.body else {}
    sent |= {"params": dict(part.split("=") for part in row.tail.removeprefix("?").split("&") if "=" in part)}
    if where == "path":
        address = re.sub(r"\{(\w+)(?::int)?\}", lambda m: value if m[1] == name else str(getattr(facts, m[1])), path)
    else:
        address = re.sub(r"\{(\w+)(?::int)?\}", lambda m: str(getattr(facts, m[1])), path)
        where = "params" if where == "query" else where
        sent[where] = sent.get(where, {}) | {name: value}
    client.cookies.clear()
    return client.request(method, address, headers=headers, **sent).status_code


def test_no_date_of_the_api_is_too_far_away(client, site):  # noqa: F811
    document = client.app.openapi()
    tried = [
        (method, path, where, name, value)
        for method, path in ROUTES
        for where, name, kind in dated(document, method, path)
        for value in ENDS.get(kind, ())
    ]
    assert len(tried) > 140
    assert [each for each in tried if status_with(client, site, *each) >= 500] == []


def test_no_date_of_a_page_is_too_far_away(client, site):  # noqa: F811
    tried = [
        (method, path, "query", name, value)
        for (method, path), row in ROUTES.items()
        if method == "GET" and row.page and row.may != OPEN and not path.endswith("/stream")
        for name, kind in WORDS.items()
        for value in ENDS[kind]
    ]
    assert len(tried) > 240
    assert [each for each in tried if status_with(client, site, *each) >= 500] == []
