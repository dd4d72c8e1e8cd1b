"""Cameras that are pulled: what is an address, where nobody is ever sent, and a process that may be killed."""

import asyncio
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from devices.links import rtsp
from devices.links.rtsp import AddressWrong, AllowedHosts, Ended, Puller, Region, read_address
from devices.links.rtsp_puller import Age, Answers, Developer, _heard, changed
from recognition import decode_jpeg as decode


def test_an_address_is_shown_without_what_it_keeps_secret():
    address = read_address("rtsp://admin:p%40ss:word@192.168.1.64/user=admin&password=secret?channel=1")
    assert (address.shown, address.user, address.password) == ("rtsp://192.168.1.64:554", "admin", "p@ss:word")
    assert address.target == "/user=admin&password=secret?channel=1"
    for secret in ("admin", "p@ss", "secret"):
        assert secret not in repr(address) + address.shown
    assert read_address("rtsps://[fd00::1]/").shown == "rtsps://[fd00::1]:322"


@pytest.mark.parametrize(
    "text",
    [
        "", "http://192.168.1.64/", "file:///etc/passwd", "rtsp:///gate", "rtsp://", "rtsp://host:0/", "rtsp://host:99999/",
        "rtsp://2130706433/", "rtsp://127.1/", "rtsp://ho st/", "rtsp://host/\r\nTEARDOWN", "rtsp://host/a b", "rtsp://host/#x",
        "rtsp://-host/", "rtsp://host/" + "x" * 500, "rtsp://[::1/", "concat:rtsp://host/", "rtsp://a%0d%0ab:c@host/",
    ],
)  # fmt: skip
def test_what_is_no_camera_address_is_refused_and_not_repeated(text: str):
    with pytest.raises(AddressWrong) as wrong:
        read_address(text)
    assert wrong.value.code == "camera_address_malformed" and str(wrong.value) == "camera_address_malformed"


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_is_refused(text: str):
    for tried in (text, f"rtsp://{text}", f"rtsp://host/{text}"):
        with suppress(AddressWrong):
            assert read_address(tried).scheme in ("rtsp", "rtsps")


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("192.168.1.64", True), ("192.168.2.64", False), ("10.0.0.5", True), ("10.0.0.6", False), ("gate.local", True),
        ("GATE.local", True), ("other.local", False), ("gate.local.evil.cn", False), ("127.0.0.1", False),
        ("169.254.169.254", False), ("[::ffff:192.168.1.64]", True), ("[::ffff:127.0.0.1]", False), ("[::1]", False),
    ],
)  # fmt: skip
def test_only_listed_hosts_are_cameras(host: str, allowed: bool):
    hosts = AllowedHosts("192.168.1.0/24, 10.0.0.5,gate.local")
    try:
        hosts.check(read_address(f"rtsp://{host}/x"))
    except AddressWrong as wrong:
        assert not allowed and wrong.code == "camera_host_not_allowed"
    else:
        assert allowed


def test_with_no_list_there_is_no_camera_and_a_faulty_list_is_refused():
    with pytest.raises(AddressWrong):
        AllowedHosts("").check(read_address("rtsp://192.168.1.64/"))
    with pytest.raises(ValueError):
        AllowedHosts("192.168.1.0/99")


def test_a_region_lies_inside_the_picture():
    Region(0.0, 0.0, 1.0, 1.0)
    for wrong in ((-0.1, 0, 0.5, 0.5), (0.6, 0, 0.5, 0.5), (0, 0, 0.01, 0.5), (0, 0, float("nan"), 1)):
        with pytest.raises(ValueError):
            Region(*wrong)


def test_a_line_that_fills_up_is_seen_however_slowly():
    age, delay = Age(), 0.0
    for number in range(6000):
        place = number / 10
        delay = number * 0.0005  # half a second more in a hundred seconds
        arrived = 1000 + place + delay
        late = arrived - age.taken(arrived, place)
    assert late > 1.0 and abs(late - delay) < 0.2


def test_a_camera_whose_clock_drifts_is_not_late():
    age, late = Age(), []
    for number in range(36_000):
        place = number / 10
        arrived = 1000 + place * 1.0001
        late.append(arrived - age.taken(arrived, place))
    assert max(late) < 0.05


def test_what_a_camera_had_in_store_is_as_old_as_it_is():
    age = Age()
    stored = [1000.0 - age.taken(1000.0, place) for place in (0.0, 1.0, 2.0, 3.0)]
    assert stored[-1] == 0.0, "the newest was taken now"
    assert 1000.1 - age.taken(1000.1, 1.5) == pytest.approx(1.6, abs=1e-3)


def test_the_same_picture_encoded_twice_is_the_same_and_noise_is_not():
    picture = bytes(range(256)) * 16
    assert not changed(picture, picture)
    assert not changed(picture, bytes(min(255, b + 2) for b in picture))
    assert changed(picture, bytes(255 - b for b in picture))


@pytest.mark.parametrize("cut", [1, 7, 100_000])
def test_an_answer_that_redirects_is_found_in_whatever_pieces_it_comes(cut: int):
    said = (
        b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n"
        b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 19\r\n\r\nRTSP/1.0 302 v=0\r\n\n"
        b"RTSP/1.0 302 Moved\r\nLocation: rtsp://169.254.169.254/\r\n\r\n"
    )
    answers = Answers()
    found = [answers.forbids(said[at : at + cut]) for at in range(0, len(said), cut)]
    assert found[-1] or True in found
    assert not Answers().forbids(said[: said.rindex(b"RTSP/1.0 302 Moved")]), "what an answer holds is no answer"


def test_media_between_the_answers_ends_the_reading():
    answers = Answers()
    assert not answers.forbids(b"RTSP/1.0 200 OK\r\n\r\n$\x00\x00\x10RTSP/1.0 302 ")
    assert answers.playing


@contextmanager
def listening(said: bytes = b"", tls: ssl.SSLContext | None = None):
    """A server that answers everything with the same; counts who came."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        came: list[bytes] = []

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                kept.append(client)
                try:
                    # Whoever does not know the certificate hangs up, with or without a word; the next one is served all the same.
                    client = tls.wrap_socket(client, server_side=True) if tls else client
                    kept[-1] = client
                    came.append(client.recv(4096))
                    if said:
                        client.sendall(said)
                except OSError:
                    client.close()

        kept: list[socket.socket] = []
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1], came
        for client in kept:
            client.close()


def ended(address: str, **how) -> str:
    async def pull() -> str:
        puller = Puller(read_address(address), ip="127.0.0.1", **how)
        await puller.start()
        try:
            await puller.newest()
        except Ended as end:
            return end.reason
        finally:
            await puller.stop()
        return "a picture"

    return asyncio.run(pull())


def test_a_camera_that_sends_us_elsewhere_is_not_followed():
    with (
        listening() as (other, came_there),
        listening(b"RTSP/1.0 302 Moved\r\nCSeq: 1\r\nLocation: rtsp://127.0.0.1:%d/x\r\n\r\n" % other) as (port, came),
    ):
        assert ended(f"rtsp://127.0.0.1:{port}/gate") == "redirected"
        assert came and not came_there


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", "timed_out"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "redirected"),
        (b"RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n", "not_found"),
        (os.urandom(5000), "redirected"),
    ],
    ids=["nothing", "a web page", "no such stream", "noise"],
)
def test_what_is_no_camera_is_given_up_with_a_reason(said: bytes, reason: str):
    with listening(said) as (port, _came):
        found = ended(f"rtsp://admin:secret@127.0.0.1:{port}/gate", open_s=0.7)
    assert found == reason or (found in rtsp.REASONS and reason == "redirected" and said[:1] not in b"RH")


@pytest.fixture
def own_certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A camera's own certificate and key, signed by nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
    certificate, private = tmp_path / "camera.pem", tmp_path / "camera.key"
    signed = made.add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256())
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, private


def test_a_camera_over_tls_shows_a_certificate_that_is_known(own_certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*own_certificate)
    said = b"RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n"
    with listening(said, context) as (port, came):
        assert ended(f"rtsps://admin:secret@127.0.0.1:{port}/gate") == "certificate_wrong"
        assert came == [], "nothing was said to whom nobody knows"
        assert ended(f"rtsps://admin:secret@127.0.0.1:{port}/gate", ca_file=str(own_certificate[0])) == "not_found"
        assert came[0].startswith(b"OPTIONS rtsp://")
        assert ended(f"rtsps://127.0.0.1:{port}/gate", ca_file="/no/such/file") == "certificate_wrong"


def test_a_ticket_that_a_camera_sends_of_its_own_accord_is_no_word_to_wait_for(own_certificate):
    near, far = socket.socketpair()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*own_certificate)
    known = ssl.create_default_context(cafile=str(own_certificate[0]))
    known.check_hostname = False
    with ThreadPoolExecutor(1) as pool, near, far:
        shaken = pool.submit(context.wrap_socket, far, server_side=True)
        camera = known.wrap_socket(near)
        with shaken.result(10) as server, camera:
            assert select.select([camera], [], [], 5)[0], "the tickets are there"
            hung_up = threading.Timer(5, server.shutdown, [socket.SHUT_RDWR])
            hung_up.start()
            try:
                with pytest.raises(ssl.SSLWantReadError):
                    _heard(camera)
            finally:
                hung_up.cancel()
            assert camera.gettimeout() is None


def decode_jpeg(jpeg: bytes):
    return decode(jpeg, pixels_max=10_000_000)


def frame_of(width: int, height: int) -> av.VideoFrame:
    """White on its right lower quarter, black elsewhere."""
    frame = av.VideoFrame(width, height, "yuv420p")
    luma = bytearray(frame.planes[0].buffer_size)
    for row in range(height // 2, height):
        at = row * frame.planes[0].line_size
        luma[at + width // 2 : at + width] = b"\xeb" * (width // 2)
    frame.planes[0].update(bytes(luma))
    for plane in frame.planes[1:]:
        plane.update(b"\x80" * plane.buffer_size)
    return frame


def test_only_the_region_is_handed_over_and_nothing_larger_than_is_read():
    whole = decode_jpeg(Developer(None, 10_000_000).jpeg(frame_of(640, 480)))
    assert whole.shape == (480, 640, 3) and whole[400, 600].min() > 240 and whole[10, 10].max() < 15
    quarter = decode_jpeg(Developer([0.5, 0.5, 0.5, 0.5], 10_000_000).jpeg(frame_of(640, 480)))
    assert quarter.shape == (240, 320, 3) and quarter.min() > 240
    small = decode_jpeg(Developer(None, 100_000).jpeg(frame_of(640, 480)))
    assert small.shape[0] * small.shape[1] <= 100_000
    developer = Developer(None, 10_000_000)
    assert decode_jpeg(developer.jpeg(frame_of(640, 480))).shape == (480, 640, 3)
    assert decode_jpeg(developer.jpeg(frame_of(320, 240))).shape == (240, 320, 3), "a camera may change its picture's size"


def test_a_process_that_hangs_is_killed_and_its_service_goes_on(monkeypatch):
    monkeypatch.setattr(rtsp, "SILENT_S", 1.5)

    async def pull() -> tuple[str, int]:
        with listening() as (port, _came):
            puller = Puller(read_address(f"rtsp://127.0.0.1:{port}/gate"), ip="127.0.0.1", open_s=30)
            await puller.start()
            # As a decoder that never comes back.
            os.kill(puller.pid, signal.SIGSTOP)
            try:
                await puller.newest()
            except Ended as end:
                reason = end.reason
            pid = puller.pid
            await puller.stop()
            return reason, pid

    reason, pid = asyncio.run(pull())
    assert reason == "hung"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_address_is_on_no_command_line_and_no_setting_of_ours_is_told():
    async def pull() -> tuple[bytes, bytes]:
        with listening() as (port, _came):
            puller = Puller(read_address(f"rtsp://admin:secret@127.0.0.1:{port}/secret"), ip="127.0.0.1")
            await puller.start()
            await asyncio.sleep(0.2)
            seen = [Path(f"/proc/{puller.pid}/{what}").read_bytes() for what in ("cmdline", "environ")]
            await puller.stop()
            return tuple(seen)

    os.environ["MUSTER_KEY_HEX"] = "00" * 32
    try:
        command, environment = asyncio.run(pull())
    finally:
        del os.environ["MUSTER_KEY_HEX"]
    assert b"secret" not in command + environment and b"MUSTER" not in environment


def test_a_process_ends_by_itself_when_its_service_was_killed():
    service = """
import asyncio, sys
from devices.links.rtsp import Puller, read_address
async def main():
    puller = Puller(read_address(sys.argv[1]), ip="127.0.0.1", open_s=30)
    await puller.start()
    print(puller.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    with listening() as (port, _came):
        killed = subprocess.Popen(
            [sys.executable, "-c", service, f"rtsp://127.0.0.1:{port}/gate"], stdout=subprocess.PIPE, text=True
        )
        pid = int(killed.stdout.readline())
        killed.kill()
        killed.wait(10)
        killed.stdout.close()
        deadline = time.monotonic() + 5
        # Nobody waits for an orphan's status here; in a container without an init it stays as a zombie.
        while Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
            assert time.monotonic() < deadline, "it still looks, and nobody sees"
            time.sleep(0.05)
