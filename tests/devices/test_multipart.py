import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import multipart
from devices.base import BadPayload

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) + b"\r\n--not the boundary\r\n\n--B2\xff\xd9"


def body(*, nl=b"\r\n", length=False, disposition=True, last=True, content=JPEG, lead=b""):
    lines = [lead + b"--B"]
    if disposition:
        lines.append(b'Content-Disposition: form-data; filename="name=x.jpg"; name="frame"')
    lines.append(b"Content-Type: image/jpeg")
    if length:
        lines.append(b"content-length: %d" % len(content))
    end = nl + b"--B--" + nl if last else b""
    return nl.join([*lines, b"", b""]) + content + end


@pytest.mark.parametrize("nl", [b"\r\n", b"\n"], ids=["CRLF", "LF"])
@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("disposition", [True, False])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize(
    "content", [JPEG, JPEG + b"\r", JPEG + b"\n", b""], ids=["jpeg", "CR", "LF", "empty"]
)
def test_whatever_the_firmware_writes_the_picture_arrives_to_the_byte(nl, length, disposition, last, content):
    (part,) = multipart.split(
        body(nl=nl, length=length, disposition=disposition, last=last, content=content) or b""
    )
    assert part.content == content
    assert part.content_type == "image/jpeg"
    assert part.name == ("frame" if disposition else "")


def test_a_boundary_inside_a_picture_is_part_of_the_picture_when_its_length_is_given():
    tricky = JPEG + b"\r\n--B--\r\n" + JPEG
    (part,) = multipart.split(body(content=tricky, length=True))
    assert part.content == tricky


def test_a_boundary_inside_a_picture_without_a_length_is_refused_not_cut_there():
    with pytest.raises(BadPayload) as refused:
        multipart.split(body(content=JPEG + b"\r\n--B--\r\n" + JPEG))
    assert refused.value.code == "bytes_after_last_boundary"


def test_the_boundary_is_read_from_the_header_when_text_stands_in_front():
    (part,) = multipart.split(body(lead=b"This is a multipart message.\r\n"), "B")
    assert part.content == JPEG


def test_the_bodys_own_boundary_wins_over_the_header():
    assert multipart.split(body(), "B2") == multipart.split(body())


def test_parts_keep_their_order():
    two = b"--B\r\n\r\none\r\n--B\r\nX: y\r\n\r\n\r\n--B\r\n\r\nthree\r\n--B--"
    assert [part.content for part in multipart.split(two)] == [b"one", b"", b"three"]


def test_a_part_never_shows_what_it_holds():
    (part,) = multipart.split(body(content=b"1122334455"))
    assert "1122334455" not in repr(part)


@pytest.mark.parametrize(
    ("rubbish", "code"),
    [
        (b"", "boundary_missing"),
        (b"\xff\xd8\xff", "boundary_missing"),
        (b"----\r\n\r\nx", "boundary_malformed"),
        (b"--" + b"B" * 300 + b"\r\n\r\nx", "boundary_malformed"),
        (b"--B\x00\r\n\r\nx", "boundary_malformed"),
        (b"--B\r\nContent-Type: image/jpeg\r\n", "part_headers_cut"),
        (b"--B\r\n" + b"A: b\r\n" * 2000 + b"\r\nx", "part_headers_too_long"),
        (b"--B\r\nno colon\r\n\r\nx", "part_header_malformed"),
        (b"--B\r\nA: 1\r\na: 2\r\n\r\nx", "part_header_repeated"),
        (b"--B\r\nContent-Length: 9\r\n\r\nx\r\n--B--", "part_cut"),
        (b"--B\r\nContent-Length: 1\r\n\r\nxyz\r\n--B--", "part_length_wrong"),
        (b"--B\r\nContent-Length: -1\r\n\r\nx\r\n--B--", "part_length_malformed"),
        ("--B\r\nContent-Length: ²\r\n\r\nx\r\n--B--".encode("latin-1"), "part_length_malformed"),
        (b"--B\r\n\r\nx\r\n" * 17 + b"--B--", "parts_too_many"),
        (b"--B--\r\nleft over", "part_header"),
    ],
)
def test_rubbish_is_refused_by_name(rubbish, code):
    with pytest.raises(BadPayload) as refused:
        multipart.split(rubbish)
    assert refused.value.code.startswith(code)


@pytest.mark.parametrize("length", [True, False])
def test_a_body_cut_at_any_byte_is_a_refusal_or_its_parts_and_never_another_error(length):
    whole = body(length=length)
    for cut in range(len(whole)):
        try:
            parts = multipart.split(whole[:cut], "B")
        except BadPayload:
            continue
        if parts and length:
            assert parts[0].content == JPEG


pieces = st.sampled_from(
    [b"--B", b"--B--", b"--", b"\r\n", b"\n", b"\r", b": ", b"Content-Length", b"0", b"7", JPEG, b" "]
)


@given(st.lists(pieces | st.binary(max_size=8), max_size=20).map(b"".join), st.none() | st.text(max_size=8))
def test_any_bytes_are_a_refusal_or_parts_and_never_another_error(rubbish, boundary):
    with contextlib.suppress(BadPayload):
        multipart.split(rubbish, boundary)


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5), st.sampled_from([b"\r\n", b"\n"]))
def test_parts_with_a_length_come_back_whatever_they_hold(contents, nl):
    whole = b"".join(
        b"--B" + nl + b"Content-Length: %d" % len(content) + nl + nl + content + nl for content in contents
    )
    assert [part.content for part in multipart.split(whole + b"--B--" + nl)] == contents


@given(st.text(max_size=80))
def test_any_content_type_can_be_asked_for_its_boundary(content_type):
    multipart.boundary_of(content_type)


def test_a_boundary_may_be_quoted():
    assert multipart.boundary_of('multipart/mixed; Boundary="a b"; x=y') == "a b"
    assert multipart.boundary_of("multipart/mixed;boundary=ab") == "ab"
    assert multipart.boundary_of("image/jpeg") is None
