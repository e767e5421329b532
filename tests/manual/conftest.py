from pathlib import Path

import pytest

from jobctl.manual.program import Program, read_program
from tests.manual.shells import Home


@pytest.fixture(scope="session")
def program() -> Program:
    return read_program()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(path=tmp_path)
