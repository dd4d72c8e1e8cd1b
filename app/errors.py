"""Everything this service refuses to do, and how it says so.

    ServiceError            the base; one handler in app.main turns it into a reply
      BadRequest      400   the request cannot be read
      Unauthorised    401   nobody, or nobody we can prove: not signed in, forged signature
      Forbidden       403   this account may not see or do that
      NotFound        404   no such project, worker, device, month
      Conflict        409   true once, not any more: same key with another body, finding decided
      TooLarge        413   more bytes than we read
      Unusable        422   understood, but not usable: not a JPEG, no face, bad check digit
      TooMany         429   this caller is over its own quota; carries retry_after_s
      Busy            503   this service cannot do it now: queue full, disk full; carries retry_after_s

``code`` is for machines and never changes once released. The sentence for the person at the gate or the
screen is looked up by the code in ``app.wording``, in his language, and filled with ``facts``. ``detail`` is
for whoever reads the log. None of the three ever carries a name, an ID number, a face, a key or a card.
"""

from typing import Any


class ServiceError(Exception):
    """A refusal with a stable code.

    Args:
        code: snake_case, stable once released; has a sentence in ``app.wording``.
        detail: one line for the log and for developers; no personal data.
        facts: values the sentence may show (numbers, field names, public codes).
    """

    status = 500

    def __init__(self, code: str, detail: str = "", *, retry_after_s: int | None = None, **facts: Any) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.facts = facts
        self.retry_after_s = retry_after_s


class BadRequest(ServiceError):
    """400: the request cannot be read."""

    status = 400


class Unauthorised(ServiceError):
    """401: nobody, or nobody we can prove."""

    status = 401


class Forbidden(ServiceError):
    """403: this account may not see or do that."""

    status = 403


class NotFound(ServiceError):
    """404: no such thing, or not one this account may know of."""

    status = 404


class Conflict(ServiceError):
    """409: true once, not any more."""

    status = 409


class TooLarge(ServiceError):
    """413: more bytes than we read."""

    status = 413


class Unusable(ServiceError):
    """422: understood, but not usable."""

    status = 422


class TooMany(ServiceError):
    """429: this caller is over its own quota."""

    status = 429


class Busy(ServiceError):
    """503: not now."""

    status = 503
