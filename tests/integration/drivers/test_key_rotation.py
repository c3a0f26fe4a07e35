"""Keys that a provider no longer takes: read again, once, and the call goes on. No restart, no second draw."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from botticelli.errors import DriverTerminal
from botticelli.testing.providers import FakeProvider
from tests.support.servers.sdks import ALL, DRIVERS, driver_for, request

pytestmark = pytest.mark.usefixtures("closed")
OLD, NEW = "sk-old-0123456789abcdef", "sk-new-fedcba9876543210"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(OLD + "\n")
    return file


@ALL
def test_key_of_a_file_is_read_again_after_a_refusal(
    wire: Any, server: FakeProvider, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = DRIVERS[wire].key_names[0]
    monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{name}_FILE", str(key_file))
    driver = driver_for(server, stream=True)
    server.valid_key = OLD
    assert driver.generate(request(wire)).text
    server.valid_key = NEW
    with pytest.raises(DriverTerminal, match="check the key in") as refused:
        driver.generate(request(wire))
    assert OLD not in str(refused.value)
    key_file.write_text(NEW)
    assert driver.generate(request(wire)).text
    assert server.statuses() == [200, 401, 200]


@ALL
def test_key_of_a_command_is_read_again_once_after_a_refusal(
    wire: Any, server: FakeProvider, key_file: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    code = f"print(open({str(key_file)!r}).read()); open({str(runs)!r}, 'a').write('x')"
    driver = driver_for(server, api_key_command=[sys.executable, "-c", code])
    server.valid_key = OLD
    assert [driver.generate(request(wire)).text for _ in range(3)] and runs.read_text() == "x"
    server.valid_key = NEW
    key_file.write_text(NEW)
    threads = [threading.Thread(target=driver.generate, args=(request(wire),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.statuses().count(200) == 7 and runs.read_text() == "xx"
    server.valid_key = "another"
    for _ in range(2):
        with pytest.raises(DriverTerminal, match=rf"check the key in drivers.{wire}.api_key_command") as refused:
            driver.generate(request(wire))
        assert NEW not in str(refused.value)
    assert runs.read_text() == "xx"  # two renewals are 5 s apart, whatever is refused in between
