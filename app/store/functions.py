"""What SQLite and PostgreSQL each say in their own way."""

from typing import Any

from sqlalchemy import Float, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

BY_TIME = "INDEXED BY ix_passage_project_time"
"""Hint to SQLite, which knows nothing of how few the passages of a day are among those of years."""


class seconds_between(GenericFunction[float]):  # noqa: N801 - reads like the functions of ``func``
    """Seconds from the second instant to the first, to a tenth of a millisecond."""

    type = Float()
    inherit_cache = True


class whole_part(GenericFunction[int]):  # noqa: N801
    """A number without what stands behind the point, as ``int`` does."""

    type = Integer()
    inherit_cache = True


@compiles(seconds_between, "sqlite")
def _(element: Any, compiler: Any, **more: Any) -> str:
    later, earlier = (compiler.process(one, **more) for one in element.clauses)
    return f"((julianday({later}) - julianday({earlier})) * 86400.0)"


@compiles(seconds_between, "postgresql")
def _(element: Any, compiler: Any, **more: Any) -> str:
    later, earlier = (compiler.process(one, **more) for one in element.clauses)
    return f"CAST(extract(epoch FROM ({later} - {earlier})) AS double precision)"


@compiles(whole_part, "sqlite")
def _(element: Any, compiler: Any, **more: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **more)} AS INTEGER)"


@compiles(whole_part, "postgresql")
def _(element: Any, compiler: Any, **more: Any) -> str:
    return f"CAST(trunc({compiler.process(element.clauses, **more)}) AS integer)"
