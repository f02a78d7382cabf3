"""What is imported when it is asked for: the stand-in does what the module does, and nobody else meets it."""

import importlib
import sys

from pipeline.imports import after_import, lazily

SMALL = "colorsys"


def test_a_stand_in_is_the_module_and_stays_with_who_took_it():
    sys.modules.pop(SMALL, None)
    with lazily(SMALL):
        taken = importlib.import_module(SMALL)
    assert SMALL not in sys.modules
    plain = importlib.import_module(SMALL)
    assert plain is not taken
    assert taken.rgb_to_hsv is plain.rgb_to_hsv
    with lazily(SMALL):
        assert importlib.import_module(SMALL) is plain


def test_a_stand_in_that_is_asked_at_once_gives_way():
    sys.modules.pop(SMALL, None)
    with lazily(SMALL):
        taken = importlib.import_module(SMALL)
        assert taken.rgb_to_hsv
        assert sys.modules[SMALL] is not taken
    assert sys.modules[SMALL].rgb_to_hsv is taken.rgb_to_hsv


def test_modules_of_a_package_are_imported_when_an_attribute_is_used_and_others_get_them_plainly(tmp_path, monkeypatch):
    package = tmp_path / "some_package"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in ("first", "second"):
        (package / f"{name}.py").write_text(f"NAME = {name!r}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with lazily():
        from some_package import first, second  # pyright: ignore[reportMissingImports]

        assert second.NAME == "second"  # one that is asked at once
    assert "some_package.first" not in sys.modules
    assert not hasattr(sys.modules["some_package"], "first")
    plain = importlib.import_module("some_package.first")
    assert plain is not first
    assert plain is sys.modules["some_package"].first
    monkeypatch.setattr(plain, "NAME", "another")
    assert first.NAME == "another"
    for name in ("some_package.first", "some_package.second", "some_package"):
        del sys.modules[name]


def test_an_act_waits_for_the_import_the_last_one_counts_and_afterwards_it_is_done_at_once():
    sys.modules.pop(SMALL, None)
    done: list[str] = []
    after_import(SMALL, lambda: done.append("an earlier one"))
    after_import(SMALL, lambda: done.append(f"after {'rgb_to_hsv' in vars(sys.modules[SMALL])}"))
    assert not done
    importlib.import_module(SMALL)
    assert done == ["after True"]
    after_import(SMALL, lambda: done.append("at once"))
    assert done[1:] == ["at once"]
