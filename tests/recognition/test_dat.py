import random
import struct

import numpy as np
import pytest

from recognition.build import sources_folder
from recognition.dat import DatError, Reader, read_detector, read_embedding, read_landmarks


@pytest.fixture(scope="module")
def detector_bytes():
    return (sources_folder() / "mmod_human_face_detector.dat").read_bytes()


def test_an_integer_is_a_control_byte_and_its_magnitude():
    assert [Reader(bytes.fromhex(text)).integer() for text in ("0100", "0102", "811c", "020001")] == [0, 2, -28, 256]


def test_a_float_has_its_mantissa_first():
    assert Reader(bytes.fromhex("030ad7a3811c")).real() == pytest.approx(0.04, abs=1e-9)


def test_infinities_and_nan_are_refused():
    for exponent in ("02007d", "02017d", "02027d"):
        with pytest.raises(DatError, match="finite"):
            Reader(bytes.fromhex("0101" + exponent)).real()


def test_a_tensor_with_a_nan_is_refused():
    shape = bytes.fromhex("0102" "0101" "0101" "0101" "0101")
    assert Reader(shape + struct.pack("<f", 1.5)).tensor().item() == 1.5
    with pytest.raises(DatError, match="finite"):
        Reader(shape + struct.pack("<f", float("nan"))).tensor()


def test_a_tensor_that_promises_more_than_the_file_holds_is_refused_before_memory_is_taken():
    with pytest.raises(DatError, match="left"):
        Reader(bytes.fromhex("0102") + bytes.fromhex("03ffffff") * 4).tensor()


def test_the_detector_is_read_to_its_last_byte(detector_bytes):
    network = read_detector(detector_bytes)
    assert [layer.kind for layer in network.layers] == ["con", "affine", "relu"] * 6 + ["con"]
    assert network.layers[-1].arrays["weights"].shape == (1, 45, 9, 9)
    assert network.layers[-1].arrays["bias"].item() == pytest.approx(-0.247, abs=5e-4)
    assert network.loss["overlap_max"] == pytest.approx(0.33828, abs=1e-5)
    assert network.mean_rgb == pytest.approx((122.782, 117.001, 104.298))


def test_one_byte_more_or_less_is_refused(detector_bytes):
    with pytest.raises(DatError, match="1 bytes after the end"):
        read_detector(detector_bytes + b"\x00")
    with pytest.raises(DatError):
        read_detector(detector_bytes[:-1])


def test_a_file_cut_anywhere_is_refused_with_the_place(detector_bytes):
    places = random.Random(7)
    for cut in [0, 1, 2, 15, *(places.randrange(len(detector_bytes)) for _ in range(60))]:
        with pytest.raises(DatError) as caught:
            read_detector(detector_bytes[:cut])
        assert caught.value.offset <= cut


def test_a_changed_byte_in_the_structure_never_crashes(detector_bytes):
    # The head, where there is structure in every byte.
    for at in range(400):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(detector_bytes)
            damaged[at] ^= flip
            try:
                read_detector(bytes(damaged))
            except DatError:
                continue


def test_another_network_is_refused_by_its_tags(detector_bytes):
    with pytest.raises(DatError, match="loss_metric_2"):
        read_embedding(detector_bytes)
    swapped = detector_bytes.replace(b"\x01\x05relu_", b"\x01\x05con_4", 1)
    with pytest.raises(DatError, match="where this network has a relu"):
        read_detector(swapped)


def test_a_predictor_of_another_number_of_points_is_refused():
    # What the head of the 68-point file says, which may not be used: 136 rows.
    with pytest.raises(DatError, match="rows of a vector is -136, not -10"):
        read_landmarks(bytes.fromhex("0101" "8188" "8101"))


def test_the_embedding_network_has_the_layers_it_should_have():
    network = read_embedding((sources_folder() / "dlib_face_recognition_resnet_model_v1.dat").read_bytes())
    kinds = [layer.kind for layer in network.layers]
    assert (kinds.count("con"), kinds.count("affine"), kinds.count("add"), kinds.count("fc")) == (29, 29, 14, 1)
    assert len(kinds) == 130
    numbers = sum(array.size for layer in network.layers for array in layer.arrays.values())
    assert 5.6e6 < numbers < 5.65e6
    assert all(np.isfinite(array).all() for layer in network.layers for array in layer.arrays.values())
