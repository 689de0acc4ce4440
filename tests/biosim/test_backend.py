import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numba
import numpy as np
import pytest

from biosim import backend, cache
from biosim.backend import has_compiler, resolve_target, session
from biosim.jit import compiled


def global_state():
    import brian2

    return (
        dict(brian2.prefs),
        float(brian2.defaultclock.dt),
        brian2.get_device(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002 - the state that Brian2 uses
    )


def noisy_membrane(seed):
    import brian2

    with session(target="numpy", seed=seed, dt_s=1e-4):
        group = brian2.NeuronGroup(
            3, "dv/dt = -v/(5*ms) + xi/(5*ms)**0.5 : 1", method="euler", name="noisy"
        )
        brian2.Network(group).run(2 * brian2.ms)
        return np.array(group.v)


def in_new_process(code):
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    ).stdout.strip()


def failing_session():
    import brian2

    before = global_state()
    with session(target="numpy", seed=1, dt_s=2e-5) as target:
        assert target == brian2.prefs["codegen.target"] == "numpy"
        assert float(brian2.defaultclock.dt) == 2e-5
        assert global_state() != before
        brian2.prefs["codegen.loop_invariant_optimisations"] = False
        raise RuntimeError("deliberate")


def test_a_session_restores_everything_even_after_an_error():
    before = global_state()
    with pytest.raises(RuntimeError, match="deliberate"):
        failing_session()
    assert global_state() == before


def test_a_session_has_a_private_cache_only_while_it_compiles():
    import brian2

    with session(target="cython", seed=0):
        folder = Path(brian2.prefs["codegen.runtime.cython.cache_dir"])
        assert folder.is_dir()
    assert brian2.prefs["codegen.runtime.cython.cache_dir"] != str(folder)


def test_importing_biosim_changes_no_preference():
    code = "import brian2, {}; print(sorted((k, str(v)) for k, v in brian2.prefs.items()))"
    assert in_new_process(code.format("biosim.simulate")) == in_new_process(code.format("sys"))


def test_equal_seeds_give_equal_results_in_one_process_and_others_differ():
    first, other, again = noisy_membrane(7), noisy_membrane(8), noisy_membrane(7)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_magic_run_in_a_session_ignores_objects_from_before():
    import brian2

    with session(target="numpy", seed=0):
        earlier = brian2.NeuronGroup(1, "dv/dt = 1/second : 1", method="euler")
    with session(target="numpy", seed=0):
        later = brian2.NeuronGroup(1, "dv/dt = 1/second : 1", method="euler")
        brian2.run(1 * brian2.ms)
    assert earlier.v[0] == 0.0
    assert later.v[0] == pytest.approx(1e-3)


@pytest.mark.skipif(cache.fcntl is None, reason="no file locks on this platform")
def test_processes_hold_different_slots_and_a_released_one_is_claimed_again(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "held", held := ExitStack())
    first, same, second = (cache.claim(tmp_path, pid) for pid in (-1, -1, -2))
    assert first == same == tmp_path / "slot-0"
    assert second == tmp_path / "slot-1"
    held.close()
    assert cache.claim(tmp_path, -3) == first
    held.close()


def test_the_cache_lies_where_the_platform_says(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.user_cache() == tmp_path


def test_without_locks_the_cache_is_a_fresh_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "fcntl", None)
    folder = cache.claim(tmp_path / "never made", os.getpid())
    assert folder.is_dir()
    assert not (tmp_path / "never made").exists()


def test_without_a_compiler_auto_means_numpy(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler -O3")
    assert not has_compiler()
    assert resolve_target("auto") == "numpy"


def test_unknown_targets_are_refused():
    with pytest.raises(ValueError, match=r"weave.*auto, cython, numpy"), session(target="weave"):
        pass


@pytest.mark.slow
@pytest.mark.skipif(not has_compiler(), reason="no C++ compiler")
def test_cython_and_numpy_agree_and_print_nothing(capfd):
    import brian2

    voltages = {}
    for target in ("cython", "numpy"):
        with session(target=target, seed=0, dt_s=1e-4):
            group = brian2.NeuronGroup(2, "dv/dt = (i - v)/(7*ms) : 1", method="exact", name="leak")
            brian2.Network(group).run(3 * brian2.ms, namespace={"i": 2.0})
            voltages[target] = np.array(group.v)
    np.testing.assert_allclose(voltages["cython"], voltages["numpy"], rtol=1e-12)
    assert capfd.readouterr() == ("", "")


def broken(folder: Path, text: str) -> str:
    """Return the path of a compiler that is there and does not work."""
    compiler = folder / "c++"
    compiler.write_text(f"#!/bin/sh\necho '{text}' >&2\nexit 1\n")
    compiler.chmod(0o755)
    return str(compiler)


@pytest.fixture
def _broken_compiler(tmp_path, monkeypatch):
    for name in ("CC", "CXX"):
        monkeypatch.setenv(name, broken(tmp_path, "fatal error: cstdlib: No such file"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    backend.why_not_compiled.cache_clear()
    backend._tell.cache_clear()
    cache.claim.cache_clear()
    yield
    backend.why_not_compiled.cache_clear()
    cache.claim.cache_clear()


@pytest.mark.usefixtures("_broken_compiler")
@pytest.mark.skipif(os.name != "posix", reason="the compiler is a shell script")
def test_a_compiler_that_does_not_work_means_numpy_and_is_told_once() -> None:
    assert has_compiler()
    with pytest.warns(RuntimeWarning, match="Brian2 interprets"):
        assert resolve_target("auto") == "numpy"
    assert resolve_target("auto") == "numpy"
    with pytest.raises(RuntimeError, match="'cython' does not work here, 'numpy' does"):
        resolve_target("cython")


@pytest.mark.parametrize(("name", "value"), [("XDG_CACHE_HOME", ""), ("XDG_CACHE_HOME", "here")])
def test_an_empty_or_relative_cache_is_not_the_working_directory(monkeypatch, name, value) -> None:
    monkeypatch.setenv(name, value)
    assert cache.user_cache().is_absolute()


@pytest.mark.parametrize("home", ["", "relative", None])
def test_without_a_home_the_cache_is_a_temporary_folder(monkeypatch, tmp_path, home) -> None:
    def nobody(_uid):
        raise KeyError("no such user")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    if home is None:
        monkeypatch.delenv("HOME")
        monkeypatch.setattr("pwd.getpwuid", nobody)
    else:
        monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(cache, "held", held := ExitStack())
    cache.claim.cache_clear()
    folder = cache.claim(Path("somewhere"), -7)
    assert folder.parent == tmp_path / "tmp"
    assert [path.name for path in tmp_path.iterdir()] == ["tmp"]
    held.close()


@pytest.mark.skipif(cache.fcntl is None, reason="no file locks on this platform")
def test_what_a_killed_process_left_is_removed_and_what_a_living_one_holds_is_not(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(cache, "held", held := ExitStack())
    killed, living = cache._temporary(), None
    held.close()  # as when a process ends
    living = cache._temporary()
    assert not killed.exists()
    cache._temporary()
    assert living.exists()
    held.close()


@pytest.mark.skipif(cache.fcntl is None, reason="no file locks on this platform")
def test_what_ran_in_a_slot_when_its_process_was_killed_is_removed(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(cache, "held", held := ExitStack())
    slot = cache.claim(tmp_path, -11)
    (slot / f"{cache.BRIEF}lesson").mkdir()
    held.close()
    assert cache.claim(tmp_path, -12) == slot
    assert not (slot / f"{cache.BRIEF}lesson").exists()
    held.close()


def test_where_numba_finds_no_place_for_a_cache_it_compiles_without(monkeypatch) -> None:
    def nowhere(function, **options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return function

    monkeypatch.setattr(numba, "njit", lambda **options: lambda f: nowhere(f, **options))
    assert compiled()(abs) is abs
