"""Settings: one place, strict, and the README's table is made from them."""

from pathlib import Path

import pytest

from app.settings import Settings, SettingsWrong, read_settings, settings_table
from recognition import ENROLMENT_PIXELS_MAX, GATE_PIXELS_MAX

README = Path(__file__).resolve().parents[1] / "README.md"


def test_an_unknown_name_is_refused():
    with pytest.raises(SettingsWrong, match="MUSTER_PROT"):
        read_settings({"MUSTER_PROT": "1"})


@pytest.mark.parametrize(("name", "value"), [("MUSTER_PORT", "x"), ("MUSTER_PORT", "70000"), ("MUSTER_ENVIRONMENT", "live")])
def test_a_value_out_of_range_names_the_variable(name: str, value: str):
    with pytest.raises(SettingsWrong, match=name):
        read_settings({name: value})


def test_a_secret_may_come_from_a_file_and_never_shows(tmp_path: Path):
    file = tmp_path / "key"
    file.write_text("ab" * 32 + "\n")
    settings = read_settings({"MUSTER_KEY_HEX_FILE": str(file)})
    assert settings.key_hex is not None and settings.key_hex.get_secret_value() == "ab" * 32
    assert "abab" not in repr(settings)


def test_a_secret_file_that_is_missing_is_a_loud_failure(tmp_path: Path):
    with pytest.raises(SettingsWrong, match="MUSTER_KEY_HEX_FILE"):
        read_settings({"MUSTER_KEY_HEX_FILE": str(tmp_path / "none")})


def test_a_setting_given_twice_is_refused(tmp_path: Path):
    file = tmp_path / "key"
    file.write_text("ab" * 32)
    with pytest.raises(SettingsWrong, match="twice"):
        read_settings({"MUSTER_KEY_HEX_FILE": str(file), "MUSTER_KEY_HEX": "cd" * 32})


def test_a_bad_secret_is_not_quoted_in_the_error():
    with pytest.raises(SettingsWrong) as refused:
        read_settings({"MUSTER_KEY_HEX": "s3cret", "MUSTER_PORT": "x"})
    assert "s3cret" not in str(refused.value)


def test_every_setting_says_what_it_is_for():
    assert all(field.description for field in Settings.model_fields.values())


def test_the_readme_lists_exactly_the_settings_there_are():
    text = README.read_text(encoding="utf-8")
    for variable, default, meaning in settings_table():
        row = f"| `{variable}` | {f'`{default}`' if default else ''} | {meaning} |"
        assert row in text, f"README is missing: {row}  (muster settings --markdown)"


def test_what_recognition_can_read_is_not_refused_before_it():
    """A "4 megapixel" camera's 2688 x 1520 and a phone's 4624 x 3468 pass by default."""
    settings = Settings()
    assert (settings.frame_pixels_max, settings.enrolment_pixels_max) == (GATE_PIXELS_MAX, ENROLMENT_PIXELS_MAX)


@pytest.mark.parametrize("hosts", ["", "192.168.1.0/24", "10.0.0.5, gate.local ,fd00::/8"])
def test_cameras_may_be_at_addresses_networks_and_names(hosts: str):
    assert read_settings({"MUSTER_CAMERA_HOSTS": hosts}).camera_hosts == hosts


@pytest.mark.parametrize("hosts", ["192.168.1.0/99", "192.168.1.5/24", "rtsp://camera", "a b", "1.2.3", "camera:554"])
def test_a_slip_in_the_list_of_camera_hosts_is_found_at_the_start(hosts: str):
    with pytest.raises(SettingsWrong, match="MUSTER_CAMERA_HOSTS"):
        read_settings({"MUSTER_CAMERA_HOSTS": hosts})
