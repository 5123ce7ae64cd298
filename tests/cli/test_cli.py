"""The frame of the command line: listing, loading, and what an error looks like."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from kgfeatures import __version__, cli
from kgfeatures.errors import DataError


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Run the command line in this process, `broken` being a command that calls `work`."""
    monkeypatch.setenv("KGFEATURES_HOME", str(tmp_path))

    def run(*arguments: str, work=None) -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", ["kgfeatures", *arguments])
        if work is not None:
            module = SimpleNamespace(broken=work)
            monkeypatch.setitem(cli.COMMANDS, "broken", cli.Entry("broken", "broken", "Breaks."))
            monkeypatch.setitem(sys.modules, "kgfeatures.cli.broken", module)
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return SimpleNamespace(status=end.value.code or 0, out=out, err=err)

    return run


def fail_with(error: BaseException):
    def work() -> None:
        raise error

    return work


def test_version_is_the_packages(run) -> None:
    assert run("--version").out == f"kgfeatures {__version__}\n"


def test_help_lists_every_command(run) -> None:
    listed = run("--help").out
    assert all(name in listed and entry.help[:20] in listed for name, entry in cli.COMMANDS.items())


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_listed_command_explains_itself(run, name: str) -> None:
    answer = run(name, "--help")
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.startswith(f"Usage: kgfeatures {name}")


def test_wrong_command_names_the_right_one(run) -> None:
    answer = run("ingets")
    assert answer.status == 2
    assert "Did you mean 'ingest'" in answer.err


def test_error_of_the_package_is_one_sentence(run) -> None:
    answer = run("broken", work=fail_with(DataError("price is -3; it cannot be negative")))
    assert (answer.status, answer.err) == (1, "kgfeatures: price is -3; it cannot be negative\n")


def test_ctrl_c_says_how_to_go_on(run) -> None:
    answer = run("broken", work=fail_with(KeyboardInterrupt()))
    assert (answer.status, answer.err) == (130, "stopped; run again to go on\n")


def test_unforeseen_error_leaves_its_traceback_in_a_file(run, tmp_path: Path) -> None:
    answer = run("broken", work=fail_with(ZeroDivisionError("by zero")))
    [log] = (tmp_path / "log").iterdir()
    assert answer.status == 1
    assert answer.err.count("\n") == 1
    assert str(log) in answer.err
    assert "raise error" in log.read_text(encoding="utf-8")


def test_missing_extra_is_answered_with_the_line_to_type(run) -> None:
    missing = ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")
    answer = run("broken", work=fail_with(missing))
    assert answer.status == 1
    assert "pip install 'kgfeatures[ml]'" in answer.err


def test_listing_the_commands_loads_none_of_them() -> None:
    code = (
        "import sys; sys.argv = ['kgfeatures', '--help']\n"
        "from kgfeatures.cli import COMMANDS, main\n"
        "try: main()\n"
        "finally: print(sorted({c.module for c in COMMANDS.values()"
        " if f'kgfeatures.cli.{c.module}' in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
