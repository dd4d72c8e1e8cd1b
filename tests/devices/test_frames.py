import contextlib
import json
import pickle
import traceback
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import ADAPTERS
from devices.base import BadPayload, BadSignature, DeviceError
from devices.dialects import frames

KEY, OLD_KEY = b"k" * 32, b"o" * 32
NOW = datetime(2026, 11, 22, 6, 0, 0, 123000, tzinfo=UTC)
NOW_MS = 1795327200123
JPEG = b"\xff\xd8\xff\xe0 a face \xff\xd9"
PATH = "/v1/devices/gate-1/frames"
CARDS = "/v1/devices/gate-1/cards"
EVENT_KEY = "boot-0001:7"
SECRET = "4402619871234567"


def signed(body=JPEG, *, key=KEY, path=PATH, event_key=EVENT_KEY, timestamp_ms=NOW_MS, **more):
    return frames.sign_request(
        key, path=path, event_key=event_key, body=body, timestamp_ms=timestamp_ms, **more
    )


def received(headers=None, *, body=JPEG, path=PATH, method="POST", keys=(KEY,), now=NOW, **more):
    head = frames.read_head(signed(body) if headers is None else headers, path, method)
    frames.verify(head, keys=keys, now=now, body=body, **more)
    return head


def head_for(body, path=PATH):
    return frames.read_head(signed(body, path=path), path, "POST")


def code_of(refusal, *args, **more):
    with pytest.raises(DeviceError) as refused:
        refusal(*args, **more)
    return type(refused.value).__name__, refused.value.code


def test_a_signed_picture_becomes_a_frame():
    assert datetime.fromtimestamp(NOW_MS / 1000, UTC) == NOW
    event = frames.parse_frame(received(), "image/jpeg", JPEG)
    assert (event.device_id, event.event_key, event.boot_id, event.seq) == (
        "gate-1",
        EVENT_KEY,
        "boot-0001",
        7,
    )
    assert (event.sent_at, event.captured_at, event.image, event.stream) == (NOW, None, JPEG, "gate-1")
    assert "face" not in repr(event)


def test_header_names_may_come_in_any_case():
    received({name.upper(): value for name, value in signed().items()})


def test_every_dialect_is_in_the_table_under_its_name():
    assert ADAPTERS["frames"] is frames


TAMPERED = {
    "X-Device-Id": "gate-2",
    "X-Timestamp": str(NOW_MS + 1),
    "X-Nonce": "A" * 22,
    "X-Seq": "8",
    "Idempotency-Key": "boot-0002:7",
    "X-Content-SHA256": "0" * 64,
    "X-Signature": "v1=" + "0" * 64,
}
WORDS = {
    "X-Device-Id": "device_id",
    "X-Timestamp": "timestamp",
    "X-Nonce": "nonce",
    "X-Seq": "seq",
    "Idempotency-Key": "event_key",
    "X-Content-SHA256": "content_hash",
    "X-Signature": "signature",
}


def test_the_contract_has_exactly_these_headers():
    assert set(signed()) == set(TAMPERED) == set(WORDS)


@pytest.mark.parametrize("header", TAMPERED)
def test_a_header_changed_on_the_way_is_refused(header):
    kind, code = code_of(received, {**signed(), header: TAMPERED[header]})
    assert code in ("signature_wrong", "device_id_mismatch", "event_key_seq_mismatch")


def test_a_number_changed_in_both_places_is_refused():
    swapped = {**signed(), "X-Seq": "8", "Idempotency-Key": "boot-0001:8"}
    assert code_of(received, swapped) == ("BadSignature", "signature_wrong")


def test_a_frame_cannot_be_posted_as_a_card_or_by_another_method():
    assert code_of(received, signed(), path=CARDS) == ("BadSignature", "signature_wrong")
    assert code_of(received, signed(), method="PUT") == ("BadSignature", "signature_wrong")


def test_another_gates_path_is_refused():
    assert code_of(received, signed(), path="/v1/devices/gate-2/frames")[1] == "device_id_mismatch"


def test_another_body_is_refused():
    head = frames.read_head(signed(), PATH, "POST")
    assert frames.verify_head(head, keys=[KEY], now=NOW) == KEY
    assert code_of(frames.verify_body, head, JPEG + b"\0") == ("BadSignature", "content_hash_wrong")


@pytest.mark.parametrize("header", WORDS)
def test_a_missing_header_is_named(header):
    headers = signed()
    del headers[header]
    kind = "BadSignature" if header == "X-Signature" else "BadPayload"
    assert code_of(received, headers) == (kind, WORDS[header] + "_missing")
    assert code_of(received, {**headers, header: ""}) == (kind, WORDS[header] + "_missing")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Device-Id", "../gate"),
        ("X-Device-Id", "g" * 65),
        ("X-Timestamp", "1795305600.123"),
        ("X-Timestamp", "-1795305600123"),
        ("X-Timestamp", "１７９５３０５６００１２３"),
        ("X-Timestamp", "999999999999999"),
        ("X-Timestamp", "1795305600123\n"),
        ("X-Nonce", "A" * 21),
        ("X-Nonce", "A" * 21 + "B"),
        ("X-Nonce", "A" * 20 + "+/"),
        ("X-Nonce", "A" * 22 + "=="),
        ("X-Seq", "07"),
        ("X-Seq", "-7"),
        ("X-Seq", "7" * 19),
        ("Idempotency-Key", "boot-0001"),
        ("Idempotency-Key", "short:7"),
        ("Idempotency-Key", "boot 0001:7"),
        ("Idempotency-Key", "b" * 65 + ":7"),
        ("X-Content-SHA256", "A" * 64),
        ("X-Signature", "0" * 64),
        ("X-Signature", "v2=" + "0" * 64),
        ("X-Signature", "v1=" + "0" * 63),
    ],
)
def test_a_malformed_header_is_named(header, value):
    assert code_of(received, {**signed(), header: value})[1] == WORDS[header] + "_malformed"


@pytest.mark.parametrize("header", WORDS)
def test_a_header_that_stands_twice_is_refused(header):
    class Twice(dict):
        def items(self):
            return [*super().items(), (header.lower(), self[header])]

    assert code_of(received, Twice(signed())) == ("BadPayload", WORDS[header] + "_repeated")


def test_the_number_in_the_key_must_be_the_number_in_the_header():
    assert code_of(received, {**signed(), "X-Seq": "8"}) == ("BadPayload", "event_key_seq_mismatch")


@pytest.mark.parametrize("path", ["/v1/devices/gate-1/frames?x=1", "/v1/devices//frames", "/x", PATH + "\n"])
def test_a_path_of_another_form_is_refused(path):
    assert code_of(frames.read_head, signed(), path, "POST") == ("BadPayload", "path_malformed")


def test_a_method_of_another_form_is_refused():
    assert code_of(frames.read_head, signed(), PATH, "post\n") == ("BadPayload", "method_malformed")


@pytest.mark.parametrize("off_s", [-301, 301])
def test_a_request_from_outside_the_window_is_refused(off_s):
    late = {"now": NOW + timedelta(seconds=off_s)}
    assert code_of(received, **late) == ("BadSignature", "timestamp_out_of_window")
    received(**late, window_s=400)


@pytest.mark.parametrize("off_s", [-299, 299])
def test_a_gate_whose_clock_is_a_little_off_is_heard(off_s):
    received(now=NOW + timedelta(seconds=off_s))


def test_a_forger_is_not_told_that_his_time_is_wrong():
    late = NOW + timedelta(days=1)
    assert code_of(received, signed(key=OLD_KEY), now=late) == ("BadSignature", "signature_wrong")


def test_during_a_rotation_both_keys_are_good_and_the_one_used_is_told():
    for key in (KEY, OLD_KEY):
        head = frames.read_head(signed(key=key), PATH, "POST")
        for keys in ([KEY, OLD_KEY], [OLD_KEY, KEY]):
            assert frames.verify_head(head, keys=keys, now=NOW) == key


def test_after_a_rotation_the_old_key_is_refused():
    assert code_of(received, signed(key=OLD_KEY)) == ("BadSignature", "signature_wrong")


def test_a_gate_without_keys_proves_nothing_even_with_a_key_of_zeros():
    assert code_of(received, signed(key=bytes(16)), keys=()) == ("BadSignature", "signature_wrong")


@pytest.mark.parametrize("key", [b"", b"short"])
def test_a_key_too_short_to_be_one_is_an_error_of_ours(key):
    with pytest.raises(ValueError, match="16 bytes"):
        signed(key=key)
    with pytest.raises(ValueError, match="16 bytes"):
        received(keys=[key])


def test_each_delivery_has_its_own_nonce_and_a_repeated_one_can_be_seen():
    first, second = (frames.read_head(signed(), PATH, "POST") for _ in range(2))
    assert first.nonce != second.nonce
    assert first.event_key == second.event_key
    replayed = frames.read_head(signed(nonce=first.nonce, timestamp_ms=NOW_MS + 5), PATH, "POST")
    frames.verify_head(replayed, keys=[KEY], now=NOW)
    assert replayed.nonce == first.nonce


# Frames


def multi(*parts, boundary=b"B"):
    whole = b""
    for name, content_type, content in parts:
        whole += b'--%s\r\nContent-Disposition: form-data; name="%s"\r\nContent-Type: %s\r\n\r\n%s\r\n' % (
            boundary,
            name,
            content_type,
            content,
        )
    return whole + b"--" + boundary + b"--\r\n"


FRAME = (b"frame", b"image/jpeg", JPEG)
META = (b"meta", b"application/json", b'{"captured_at_ms": 1795327199000, "firmware": "9"}')


def frame(body, content_type="multipart/form-data; boundary=B"):
    return frames.parse_frame(head_for(body), content_type, body)


@pytest.mark.parametrize("parts", [(META, FRAME), (FRAME, META)])
@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=B", "multipart/mixed", None])
def test_the_time_of_the_picture_comes_from_meta(parts, content_type):
    event = frame(multi(*parts), content_type)
    assert event.image == JPEG
    assert event.captured_at == NOW - timedelta(milliseconds=1123)


def test_a_frame_as_the_gate_writes_it_can_be_read_and_is_the_same_each_time():
    content_type, body = frames.frame_body(JPEG, NOW_MS)
    assert (content_type, body) == frames.frame_body(JPEG, NOW_MS)
    event = frame(body, content_type)
    assert (event.image, event.captured_at) == (JPEG, NOW)
    assert frames.frame_body(JPEG) == ("image/jpeg", JPEG)


@given(st.text(max_size=40) | st.sampled_from(["multipart/form-data; boundary=C", "image/jpeg", "text/xml"]))
def test_no_content_type_changes_what_picture_is_read(content_type):
    inner = JPEG[:-2] + b"\r\n--C\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8 another face\r\n--C--\r\n"
    for body, image in ((multi((b"frame", b"image/jpeg", inner)), inner), (inner, inner)):
        with contextlib.suppress(BadPayload):
            assert frame(body, content_type).image == image


@pytest.mark.parametrize(
    ("content_type", "body", "code"),
    [
        ("image/jpeg", b"", "frame_missing"),
        (None, b"", "frame_missing"),
        ("multipart/form-data", b"", "frame_missing"),
        ("image/jpeg", b"\x89PNG", "frame_not_jpeg"),
        ("image/jpeg", multi(FRAME), "frame_not_jpeg"),
        ("application/json", JPEG, "content_type_unknown"),
        ("image/png", JPEG, "content_type_unknown"),
        ("multipart/form-data", multi(META), "frame_missing"),
        ("multipart/form-data", multi(FRAME, FRAME), "frame_repeated"),
        ("multipart/form-data", multi(FRAME, (b"x", b"text/plain", JPEG)), "frame_repeated"),
        ("multipart/form-data", multi((b"frame", b"image/png", b"\x89PNG")), "frame_not_jpeg"),
        ("multipart/form-data", multi((b"frame", b"image/jpeg", b"")), "frame_not_jpeg"),
        ("multipart/form-data", multi(FRAME, META, META), "meta_repeated"),
        ("multipart/form-data", multi(FRAME, (b"meta", b"text/plain", b"{")), "meta_malformed"),
        ("multipart/form-data", multi(FRAME, (b"meta", b"text/plain", b"[]")), "meta_malformed"),
        ("multipart/form-data", multi(FRAME, (b"", b"", b"{" * 9)), "meta_malformed"),
    ],
)
def test_not_exactly_one_picture_is_refused_not_guessed(content_type, body, code):
    assert code_of(frames.parse_frame, head_for(body), content_type, body) == ("BadPayload", code)


def test_unknown_parts_and_fields_are_left_alone():
    assert frame(multi((b"note", b"text/plain", b"hello"), META, FRAME)).image == JPEG


@pytest.mark.parametrize(
    "at", ["-1", "1.5", '"1795327200123"', "true", "1e400", "253402300800000", "NaN", "[]"]
)
def test_a_time_that_is_no_time_is_refused(at):
    body = multi(FRAME, (b"meta", b"application/json", b'{"captured_at_ms": %s}' % at.encode()))
    assert code_of(frame, body)[1] == "captured_at_malformed"


@pytest.mark.parametrize("content_type", ["image/jpeg", "multipart/form-data; boundary=B", None])
def test_a_frame_cut_at_any_byte_is_a_refusal_or_a_frame_and_never_another_error(content_type):
    whole = multi(META, FRAME)
    for cut in range(len(whole)):
        with contextlib.suppress(BadPayload):
            assert frame(whole[:cut], content_type).image.startswith(b"\xff\xd8")


@given(st.binary(max_size=200), st.none() | st.text(max_size=40))
def test_any_body_is_a_refusal_or_a_frame_and_never_another_error(body, content_type):
    with contextlib.suppress(BadPayload):
        frame(body, content_type)


@given(
    st.dictionaries(st.sampled_from(list(WORDS)) | st.text(max_size=12), st.text(max_size=80)),
    st.text(max_size=40) | st.just(PATH),
    st.text(max_size=6) | st.just("POST"),
)
def test_any_headers_are_a_refusal_and_never_another_error(headers, path, method):
    with contextlib.suppress(DeviceError):
        received({**signed(), **headers}, path=path, method=method)


# Cards


def card(body):
    return frames.parse_card(head_for(body, CARDS), body)


def test_a_card_becomes_an_event_and_its_value_is_shown_nowhere():
    event = card(frames.card_body("card", SECRET, NOW_MS))
    assert (event.channel, event.value, event.captured_at, event.stream) == ("card", SECRET, NOW, "gate-1")
    assert SECRET not in repr(event)
    # The hash of so short a body is the value in thin disguise.
    assert event.content_sha256 not in repr(event)
    assert event.content_sha256 not in repr(head_for(b"x", CARDS))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "card_malformed"),
        (b'["card"]', "card_malformed"),
        (b'{"channel": "card", "value": "' + SECRET.encode(), "card_malformed"),
        (b'{"channel": "card", "value": "' + SECRET.encode() + b'\xff"}', "card_malformed"),
        (b'{"channel": "card", "value": "1", "value": "%s"}' % SECRET.encode(), "card_malformed"),
        (b"[" * 4000, "card_malformed"),
        (b'{"channel": "card", "value": "%s"}' % (b" " * 5000 + SECRET.encode()), "card_too_large"),
        (b'{"channel": "%s", "value": "1"}' % SECRET.encode(), "channel_unknown"),
        (b'{"channel": ["card"], "value": "%s"}' % SECRET.encode(), "channel_unknown"),
        (b'{"channel": "card"}', "value_malformed"),
        (b'{"channel": "card", "value": %s}' % SECRET.encode(), "value_malformed"),
        (b'{"channel": "card", "value": ""}', "value_malformed"),
        (b'{"channel": "card", "value": " %s"}' % SECRET.encode(), "value_malformed"),
        (b'{"channel": "card", "value": "%s\\n"}' % SECRET.encode(), "value_malformed"),
        (b'{"channel": "card", "value": "%s\\ud800"}' % SECRET.encode(), "value_malformed"),
        (b'{"channel": "card", "value": "%s"}' % (SECRET.encode() * 20), "value_malformed"),
        (
            b'{"channel": "card", "value": "1", "captured_at_ms": "%s"}' % SECRET.encode(),
            "captured_at_malformed",
        ),
    ],
)
def test_a_bad_card_is_refused_and_the_refusal_does_not_hold_its_value(body, code):
    with pytest.raises(BadPayload) as refused:
        card(body)
    assert refused.value.code == code
    # Nor an inner error with the whole document in it.
    assert refused.value.__context__ is None
    assert refused.value.__cause__ is None
    for shown in (
        str(refused.value),
        repr(refused.value),
        "".join(traceback.format_exception(refused.value)),
    ):
        assert SECRET not in shown


@given(
    st.binary(max_size=60)
    | st.text(max_size=60).map(lambda t: json.dumps({"channel": t, "value": t}).encode())
)
def test_any_card_is_a_refusal_or_an_event_and_never_another_error(body):
    with contextlib.suppress(BadPayload):
        card(body)


def test_a_card_cut_at_any_byte_is_refused():
    whole = frames.card_body("code", SECRET, NOW_MS)
    for cut in range(len(whole)):
        assert code_of(card, whole[:cut])[0] == "BadPayload"


# Heartbeats


def beat(body: object):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    path = frames.heartbeats_path("gate-1")
    headers = frames.sign_request(KEY, path=path, event_key="beatbeat:1", body=content, timestamp_ms=NOW_MS)
    head = frames.read_head(headers, path, "POST")
    frames.verify(head, keys=[KEY], now=head.sent_at, body=content)
    return frames.parse_heartbeat(head, content)


def test_a_heartbeat_says_how_much_is_kept_and_since_when():
    kept = beat(json.loads(frames.heartbeat_body(3, NOW_MS - 60_000, NOW_MS - 500)))
    assert (kept.stored_events, kept.sent_at - kept.counted_at) == (3, timedelta(milliseconds=500))
    assert kept.sent_at - kept.oldest_at == timedelta(minutes=1)
    empty = beat(json.loads(frames.heartbeat_body(0, None, NOW_MS)))
    assert (empty.stored_events, empty.oldest_at, empty.counted_at) == (0, None, empty.sent_at)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b"\xff", {"sent_at_ms": NOW_MS}, {"stored_events": 0}, {"stored_events": 1, "sent_at_ms": NOW_MS},
        {"stored_events": 0, "oldest_stored_at_ms": NOW_MS, "sent_at_ms": NOW_MS}, {"stored_events": -1, "sent_at_ms": NOW_MS},
        {"stored_events": True, "oldest_stored_at_ms": NOW_MS, "sent_at_ms": NOW_MS}, {"stored_events": 0, "sent_at_ms": "now"},
        {"stored_events": 0, "sent_at_ms": -1}, {"stored_events": 0, "sent_at_ms": 10**18},
        {"stored_events": 10**10, "oldest_stored_at_ms": NOW_MS, "sent_at_ms": NOW_MS},
        {"stored_events": 1, "oldest_stored_at_ms": 1.5, "sent_at_ms": NOW_MS},
        b'{"stored_events": 0, "stored_events": 0, "sent_at_ms": 1}', b" " * 5000,
    ],
)  # fmt: skip
def test_a_heartbeat_that_does_not_add_up_is_refused(body: object):
    assert code_of(beat, body) == ("BadPayload", "heartbeat_malformed")


# Answers

REPLY = frames.Reply(
    event_id="p-1",
    event_key=EVENT_KEY,
    decision="admit",
    code="admitted",
    text="请通行",
    open=True,
    recorded=True,
    repeated=False,
    hold_ms=5000,
    server_time_ms=NOW_MS,
    next_frame_after_ms=0,
)


def test_the_answer_has_exactly_the_fields_of_the_contract():
    fields = "event_id event_key decision code text open recorded repeated hold_ms server_time_ms next_frame_after_ms advice"
    assert list(REPLY.as_json()) == fields.split()
    assert json.loads(REPLY.body()) == REPLY.as_json()
    assert "请通行" not in repr(REPLY)


@pytest.mark.parametrize("change", [{"decision": "refuse"}, {"decision": "ask"}, {"recorded": False}])
def test_an_answer_cannot_open_for_someone_who_is_not_admitted_and_recorded(change):
    with pytest.raises(ValueError, match="opens only"):
        frames.Reply(**{**REPLY.as_json(), **change})


def test_a_decision_has_three_words():
    with pytest.raises(ValueError, match="no such decision"):
        frames.Reply(**{**REPLY.as_json(), "decision": "allow", "open": False})


def test_an_answer_is_believed_only_for_its_own_delivery():
    said = {"nonce": "A" * 22, "event_key": EVENT_KEY, "body": REPLY.body()}
    signature = frames.sign_reply(KEY, **said)
    frames.verify_reply(KEY, **said, signature=signature)
    for change in (
        {"nonce": "Q" * 22},
        {"event_key": "boot-0001:8"},
        {"body": REPLY.body().replace(b'"repeated":false', b'"repeated":true')},
        {"signature": "v1=" + "0" * 64},
    ):
        changed = {**said, "signature": signature, **change}
        assert code_of(frames.verify_reply, KEY, **changed) == ("BadSignature", "signature_wrong")
    assert code_of(frames.verify_reply, OLD_KEY, **said, signature=signature)[1] == "signature_wrong"
    assert code_of(frames.verify_reply, KEY, **said, signature=None)[1] == "signature_missing"
    assert code_of(frames.verify_reply, KEY, **said, signature="open")[1] == "signature_malformed"


def test_refusals_survive_a_trip_between_processes():
    for refusal in (BadPayload("x-seq", "seq_missing"), BadSignature("signature_wrong")):
        copy = pickle.loads(pickle.dumps(refusal))
        assert (type(copy), copy.code, str(copy)) == (type(refusal), refusal.code, str(refusal))
