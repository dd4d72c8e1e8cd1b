"""Pictures to people: find the face, measure it, say whom it resembles and by how much.

Knows no worker's name, no site, no database. A caller hands in a JPEG and a gallery of
numbered templates and gets back a number, a similarity and a margin; what is enough is
the caller's policy.
"""

# ruff: noqa: E402  (the environment has to be set before these libraries are imported)
import os

# Before onnxruntime is imported: since 1.29 it reports its process to its maker and keeps a
# device number in the home folder unless told not to; switching that off later is too late.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# Before cv2 is imported: OpenCV's own ceiling, in case a header promises less than the data
# hold. decode.py refuses earlier. 2**24 lets a phone's 4624 x 3468 through.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**24))
# One thread a session and one worker a core: two thread pools in one process made a gate
# frame slower than a single thread did (28-39 ms against 25 ms).
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2

cv2.setNumThreads(1)

from recognition.adoption import Offer, adopt, compare_with_library, look
from recognition.build import build_default_pack, import_dat
from recognition.calibrate import (
    Scores,
    TooFewPictures,
    compare_all,
    det_svg,
    equal_error,
    fit_curve,
    similarities,
)
from recognition.decode import (
    ENROLMENT_PIXELS_MAX,
    GATE_PIXELS_MAX,
    BadImage,
    decode_frame,
    decode_jpeg,
    decode_picture,
    encode_jpeg,
)
from recognition.drawing import ink, read_drawing, write_drawing
from recognition.engine import Engine
from recognition.face import Analysis, Face, Quality
from recognition.limits import STRANGER_MAX, STRANGER_RANGE, Curve, FarPoint, Limits, limits_for
from recognition.liveness import KNOWN as KNOWN_LIVENESS
from recognition.liveness import Examined, Liveness, LivenessError, add_liveness, load_liveness
from recognition.match import (
    LOOKS_MAX,
    Gallery,
    Looks,
    Match,
    alike_of,
    best_match,
    looks_of,
    mean_template,
    similarity_of,
)
from recognition.pack import (
    DEFAULT_PACK,
    Pack,
    PackError,
    PackListing,
    Thresholds,
    Weakness,
    list_packs,
    load_pack,
)
from recognition.quality import vote_weight
from recognition.replay import Recent, picture_print
from recognition.runner import PROVIDERS, openvino_installed
from recognition.samples import sample_frame
from recognition.snapshot import coarse_picture, enlarged, face_picture
from recognition.track import Track, Tracker, Vote

__all__ = [
    "DEFAULT_PACK",
    "ENROLMENT_PIXELS_MAX",
    "GATE_PIXELS_MAX",
    "KNOWN_LIVENESS",
    "LOOKS_MAX",
    "PROVIDERS",
    "STRANGER_MAX",
    "STRANGER_RANGE",
    "Analysis",
    "BadImage",
    "Curve",
    "Engine",
    "Examined",
    "Face",
    "FarPoint",
    "Gallery",
    "Limits",
    "Liveness",
    "LivenessError",
    "Looks",
    "Match",
    "Offer",
    "Pack",
    "PackError",
    "PackListing",
    "Quality",
    "Recent",
    "Scores",
    "Thresholds",
    "TooFewPictures",
    "Track",
    "Tracker",
    "Vote",
    "Weakness",
    "add_liveness",
    "adopt",
    "alike_of",
    "best_match",
    "build_default_pack",
    "coarse_picture",
    "compare_all",
    "compare_with_library",
    "decode_frame",
    "decode_jpeg",
    "decode_picture",
    "det_svg",
    "encode_jpeg",
    "enlarged",
    "equal_error",
    "face_picture",
    "fit_curve",
    "import_dat",
    "ink",
    "limits_for",
    "list_packs",
    "load_liveness",
    "load_pack",
    "look",
    "looks_of",
    "mean_template",
    "openvino_installed",
    "picture_print",
    "read_drawing",
    "sample_frame",
    "similarities",
    "similarity_of",
    "vote_weight",
    "write_drawing",
]
