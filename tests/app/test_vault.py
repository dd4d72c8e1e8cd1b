"""What is sealed stays sealed, opens only in its own place, and survives new keys."""

import multiprocessing
import os
import pickle
import stat
import traceback

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from app import timekeeping
from app import vault as vault_module
from app.settings import Settings
from app.store import gates, people
from app.tables import Base, Worker
from app.vault import KEY_FILE, Vault, VaultError, add_key, check, open_vault, rotate_key, sealed_places
from tests.cast import WANG_ID

OLD, NEW = b"\x01" * 32, b"\x02" * 32
PLACE = {"table": "worker", "column": "id_number_sealed", "owner": "abc"}


def settings(tmp_path, **values) -> Settings:
    return Settings(environment="test", data_dir=tmp_path, **values)


# --- sealing -----------------------------------------------------------------------------------------------


def test_what_is_sealed_opens_again():
    vault = Vault.of([OLD])
    sealed = vault.seal(b"990424198506120017", **PLACE)
    assert vault.open(sealed, **PLACE) == b"990424198506120017"
    assert len(sealed) == 18 + 34
    assert b"9904" not in sealed


def test_the_same_text_is_never_sealed_the_same_way_twice():
    vault = Vault.of([OLD])
    assert vault.seal(b"x", **PLACE) != vault.seal(b"x", **PLACE)


@pytest.mark.parametrize("moved", [{"table": "device"}, {"column": "phone_sealed"}, {"owner": "abd"}])
def test_a_ciphertext_moved_to_another_place_does_not_open(moved):
    vault = Vault.of([OLD])
    sealed = vault.seal(b"x", **PLACE)
    with pytest.raises(VaultError, match="moved"):
        vault.open(sealed, **{**PLACE, **moved})


def test_two_places_that_spell_alike_are_two_places():
    vault = Vault.of([OLD])
    sealed = vault.seal(b"x", table="ab", column="c", owner="d")
    with pytest.raises(VaultError):
        vault.open(sealed, table="a", column="bc", owner="d")


def test_one_flipped_bit_anywhere_is_noticed():
    vault = Vault.of([OLD])
    sealed = vault.seal(b"a template", **PLACE)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(VaultError):
            vault.open(bytes(changed), **PLACE)
    for length in range(len(sealed)):
        with pytest.raises(VaultError):
            vault.open(sealed[:length], **PLACE)


def test_a_key_that_is_not_listed_is_named_but_not_shown():
    sealed = Vault.of([OLD]).seal(b"x", **PLACE)
    with pytest.raises(VaultError, match="not listed") as refusal:
        Vault.of([NEW]).open(sealed, **PLACE)
    assert Vault.of([OLD]).active_kid.hex() in str(refusal.value)


def test_the_index_finds_the_same_number_and_nothing_else():
    vault = Vault.of([OLD])
    assert vault.index("id_number", "1") == vault.index("id_number", "1")
    assert vault.index("id_number", "1") != vault.index("card", "1")
    assert vault.index("id_number", "1") != vault.index("id_number", "2")
    assert vault.index("id_number", "1") != Vault.of([NEW]).index("id_number", "1")
    assert len(vault.index("id_number", "1")) == 64


def test_no_key_shows_in_a_picture_of_the_vault():
    vault = Vault.of([OLD])
    with pytest.raises(VaultError) as refusal:
        vault.open(b"nonsense", **PLACE)
    shown = repr(vault) + str(vault) + "".join(traceback.format_exception(refusal.value))
    assert OLD.hex() not in shown
    assert repr(OLD) not in shown
    with pytest.raises(TypeError):
        pickle.dumps(vault)


# --- where keys come from ----------------------------------------------------------------------------------


def test_the_first_start_makes_a_key_file_only_the_owner_reads(tmp_path):
    vault = open_vault(settings(tmp_path / "var"))
    file = tmp_path / "var" / KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [p.name for p in file.parent.iterdir()] == [KEY_FILE]
    assert open_vault(settings(tmp_path / "var")).open(vault.seal(b"x", **PLACE), **PLACE) == b"x"


def test_a_key_file_others_may_read_is_refused(tmp_path):
    open_vault(settings(tmp_path))
    for mode in (0o640, 0o604, 0o660):
        os.chmod(tmp_path / KEY_FILE, mode)
        with pytest.raises(VaultError, match="chmod 600"):
            open_vault(settings(tmp_path))


@pytest.mark.parametrize("text", ["", "# only a remark\n", "abc\n", "g" * 64, ("0" * 64) + "\n" + "0" * 64])
def test_a_key_file_that_is_not_one_is_refused_without_quoting_it(tmp_path, text):
    file = tmp_path / KEY_FILE
    file.touch(mode=0o600)
    file.write_text(text)
    with pytest.raises(VaultError) as refusal:
        open_vault(settings(tmp_path))
    assert "g" * 8 not in str(refusal.value)
    assert "0" * 8 not in str(refusal.value)


def _open_in_a_process(folder, gate, said) -> None:
    gate.wait()
    said.put(open_vault(Settings(environment="test", data_dir=folder)).index("x", "x"))


def test_services_that_start_together_agree_on_one_key(tmp_path):
    processes = multiprocessing.get_context("fork")
    gate, said = processes.Barrier(4), processes.Queue()
    started = [processes.Process(target=_open_in_a_process, args=(tmp_path / "v", gate, said)) for _ in range(4)]
    for process in started:
        process.start()
    answers = {said.get(timeout=30) for _ in started}
    for process in started:
        process.join(10)
    assert answers == {open_vault(settings(tmp_path / "v")).index("x", "x")}


def test_keys_of_the_environment_win_over_the_file(tmp_path):
    given = settings(tmp_path, key_hex=SecretStr(NEW.hex()), keys_previous_hex=SecretStr(OLD.hex()))
    vault = open_vault(given)
    assert vault.active_kid == Vault.of([NEW]).active_kid
    assert vault.index("x", "x") == Vault.of([OLD]).index("x", "x")
    assert vault.open(Vault.of([OLD]).seal(b"x", **PLACE), **PLACE) == b"x"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("values", [{"key_hex": "zz"}, {"key_hex": "ab" * 31}, {"keys_previous_hex": "ab" * 32},
                                    {"key_hex": "ab" * 32, "keys_previous_hex": "ab" * 32}])
def test_unfit_keys_of_the_environment_are_refused_without_quoting_them(tmp_path, values):
    with pytest.raises(VaultError) as refusal:
        open_vault(settings(tmp_path, **{name: SecretStr(text) for name, text in values.items()}))
    assert "abab" not in str(refusal.value)


# --- rotation ----------------------------------------------------------------------------------------------


def test_every_sealed_column_has_an_owner():
    columns = {f"{t.name}.{c.name}" for t in Base.metadata.tables.values() for c in t.c if c.name.endswith("_sealed")}
    assert {f"{p.table}.{p.column}" for p in sealed_places()} == columns


def test_after_a_new_key_everything_opens_with_it_alone(database, vault, people_on_site, now):
    cast = people_on_site
    owner = f"{cast.a.id}:{cast.wang.id}"
    with database.write() as db:
        consent_id = people.add_consent(
            db, worker_id=cast.wang.id, project_id=cast.a.id, act="give", scope=["template", "image_retention"],
            notice_version="1", method="paper", at=now, recorded_by="wu", now=now)
        template_id = people.add_template(
            db, worker_id=cast.wang.id, project_id=cast.a.id, consent_id=consent_id, contract_id="c", pack_id="p",
            template_sealed=vault.seal(b"template", table="face_template", column="template_sealed", owner=owner),
            photographs=1, now=now)
        people.add_photo(
            db, template_id=template_id, worker_id=cast.wang.id, sha256="0" * 64, now=now,
            photo_sealed=vault.seal(b"photo", table="face_photo", column="photo_sealed", owner=owner))
        entrance = cast.a.entrance.device_id
        gates.rotate_device_key(db, entrance, vault.seal(b"k" * 32, table="device", column="key", owner=entrance))
        paper = timekeeping.put_evidence(
            db, vault, project_id=cast.a.id, name="a.pdf", media_type="application/pdf", content=b"%PDF-1.7", by="wu", now=now)

    fresh = Vault.of([NEW, bytes(range(32))])
    # Batches of two: the last one is full or empty, both ways must end.
    counts = fresh.rotate(database, batch=2)
    assert {place: count for place, count in counts.items() if count} == {
        "evidence_file.content_sealed": 1, "worker.id_number_sealed": 3, "worker.phone_sealed": 1, "device.key_sealed": 4,
        "device.key_previous_sealed": 1, "face_template.template_sealed": 1, "face_photo.photo_sealed": 1,
    }
    assert set(fresh.rotate(database).values()) == {0}

    index = fresh.index("id_number", WANG_ID)
    assert index == vault.index("id_number", WANG_ID)
    alone = Vault.of([NEW])
    with database.read() as db:
        check(db, fresh)
        assert people.find_worker(db, index) == cast.wang.id
        row = people.worker(db, cast.wang.id)
        assert alone.open(row.id_number_sealed, table="worker", column="id_number_sealed", owner=index).decode() == WANG_ID
        device = gates.device(db, entrance)
        assert alone.open(device.key_sealed, table="device", column="key", owner=entrance) == b"k" * 32
        assert alone.open(device.key_previous_sealed, table="device", column="key", owner=entrance) == cast.a.entrance.key
        [(_, sealed)] = people.templates(db, cast.a.id, "c")
        assert alone.open(sealed, table="face_template", column="template_sealed", owner=owner) == b"template"
    with database.write() as db:
        assert timekeeping.get_evidence(
            db, alone, project_id=cast.a.id, evidence_id=paper, by="wu", now=now).content == b"%PDF-1.7"


def test_a_house_opened_without_its_oldest_key_says_so(database, people_on_site):
    fresh = Vault.of([NEW, bytes(range(32))])
    fresh.rotate(database)
    with database.read() as db:
        check(db, fresh)
        with pytest.raises(VaultError, match="oldest master key is missing"):
            check(db, Vault.of([NEW]))
        with pytest.raises(VaultError, match="not listed"):
            check(db, Vault.of([OLD]))


def test_a_house_with_gates_and_nobody_yet_has_its_keys_checked_too(database, vault, now):
    with database.write() as db:
        project = people.add_project(
            db, code="A", name="甲", area_code="330424", address=None, time_zone="Asia/Shanghai", language="zh",
            confirm_face=False, is_demonstration=False, now=now,
        )  # fmt: skip
        gate = gates.add_gate(db, project_id=project, name="东门", direction="in")
        gates.add_device(
            db, device_id="east", project_id=project, gate_id=gate, name="东门机", now=now,
            key_sealed=vault.seal(b"k" * 32, table="device", column="key_sealed", owner="east"),
        )  # fmt: skip
    with database.read() as db:
        check(db, vault)
        with pytest.raises(VaultError, match="not listed"):
            check(db, Vault.of([NEW]))


def test_a_row_that_does_not_open_stops_the_rotation(database, people_on_site):
    with database.write() as db:
        stolen = db.execute(sa.select(Worker.id_number_sealed).where(Worker.id == people_on_site.li.id)).scalar_one()
        db.execute(sa.update(Worker).where(Worker.id == people_on_site.wang.id).values(id_number_sealed=stolen))
    with pytest.raises(VaultError, match="worker.id_number"):
        Vault.of([NEW, bytes(range(32))]).rotate(database)


def test_the_key_file_grows_at_its_front(tmp_path, database, settings):
    first = open_vault(settings)
    sealed = first.seal(b"x", **PLACE)
    assert sum(rotate_key(settings, database).values()) == 0
    second = open_vault(settings)
    assert second.active_kid != first.active_kid
    assert second.open(sealed, **PLACE) == b"x"
    assert second.index("x", "x") == first.index("x", "x")
    assert stat.S_IMODE((settings.data_dir / KEY_FILE).stat().st_mode) == 0o600


def test_a_running_service_opens_what_a_newer_key_sealed_and_seals_with_it(tmp_path):
    running = open_vault(settings(tmp_path))
    before = running.seal(b"before", **PLACE)
    fresh = add_key(settings(tmp_path))
    assert running.open(fresh.seal(b"after", **PLACE), **PLACE) == b"after"
    assert running.open(before, **PLACE) == b"before"
    assert running.active_kid == fresh.active_kid
    assert running.index("x", "x") == fresh.index("x", "x")
    again = add_key(settings(tmp_path))
    assert running.open(again.seal(b"twice", **PLACE), **PLACE) == b"twice"


def test_the_key_file_is_not_parsed_again_while_it_is_the_same(tmp_path, monkeypatch):
    running = open_vault(settings(tmp_path))
    monkeypatch.setattr(vault_module, "_unhex", lambda *_: pytest.fail("the keys were read again"))
    with pytest.raises(VaultError, match="not listed"):
        running.open(Vault.of([NEW]).seal(b"x", **PLACE), **PLACE)


@pytest.mark.parametrize("masters", [[NEW], [NEW, b"\x03" * 32], [NEW, b"\x03" * 32, OLD]], ids=["another", "others", "middle_missing"])
def test_a_key_file_that_lacks_a_key_is_never_taken_over(tmp_path, masters):
    """OLD is the root, the middle key is dropped: what it sealed would not open any more."""
    file = tmp_path / KEY_FILE
    file.touch(mode=0o600)
    file.write_text(f"{(b'm' * 32).hex()}\n{OLD.hex()}\n")
    running = open_vault(settings(tmp_path))
    mine, index, kid = running.seal(b"mine", **PLACE), running.index("x", "x"), running.active_kid
    file.write_text("".join(f"{master.hex()}\n" for master in masters))
    theirs = Vault.of(masters).seal(b"x", **PLACE)
    for _ in range(2):
        with pytest.raises(VaultError, match="lacks a key"):
            running.open(theirs, **PLACE)
    assert (running.open(mine, **PLACE), running.index("x", "x"), running.active_kid) == (b"mine", index, kid)
    file.write_text(f"{NEW.hex()}\n{(b'm' * 32).hex()}\n{OLD.hex()}\n")
    assert running.open(Vault.of([NEW]).seal(b"x", **PLACE), **PLACE) == b"x", "put right, it is taken over"


def test_keys_of_the_environment_are_not_looked_for_in_a_file(tmp_path):
    add_key(settings(tmp_path))
    fresh = open_vault(settings(tmp_path))
    running = open_vault(settings(tmp_path, key_hex=SecretStr(OLD.hex())))
    with pytest.raises(VaultError, match="not listed"):
        running.open(fresh.seal(b"x", **PLACE), **PLACE)


def test_keys_of_the_environment_are_changed_by_the_operator(tmp_path):
    with pytest.raises(VaultError, match="MUSTER_KEYS_PREVIOUS_HEX"):
        add_key(settings(tmp_path, key_hex=SecretStr(NEW.hex())))
    assert list(tmp_path.iterdir()) == []
