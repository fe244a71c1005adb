"""``lazy_import`` and ``lazy_names``: what is imported when something of it is first used."""

from __future__ import annotations

import sys
import threading
from types import ModuleType

import pytest

from dorm.utils.lazy import LazyModule, lazy_import, lazy_names

SLOW = """
import time
first = 1
time.sleep(0.2)
second = 2
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module that can be imported, and forgets it at the end."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names = []

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        names.append(name)
        return name

    yield write
    for name in names:
        sys.modules.pop(name, None)


def test_a_module_is_loaded_by_its_first_use(module):
    name = module("lazily_one", "answer = 42")
    importer = {}
    importer["one"] = lazy_import(name, importer)
    assert name not in sys.modules
    assert repr(importer["one"]) == "<module 'lazily_one', not loaded>"
    assert importer["one"].answer == 42
    assert importer["one"] is sys.modules[name]


def test_two_threads_get_the_whole_module(module):
    """The second thread asks for the last name of a module that the first one is just importing."""
    importer = {}
    stand_in = importer["slow"] = lazy_import(module("lazily_slow", SLOW), importer)
    found = []
    threads = [threading.Thread(target=lambda: found.append(stand_in.second)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2, 2, 2, 2]


def test_a_module_that_cannot_be_imported_says_so_each_time(module):
    importer = {}
    importer["broken"] = lazy_import(module("lazily_broken", "raise RuntimeError('broken')"), importer)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken"):
            importer["broken"].anything
    assert isinstance(importer["broken"], LazyModule)


def test_an_unknown_name_is_an_attribute_error_of_the_module(module):
    importer = {}
    importer["plain"] = lazy_import(module("lazily_plain", ""), importer)
    with pytest.raises(AttributeError, match="module 'lazily_plain' has no attribute 'answer'"):
        importer["plain"].answer


def test_what_stands_for_a_module_takes_no_values(module):
    stand_in = lazy_import(module("lazily_patched", "answer = 1"), {})
    with pytest.raises(AttributeError):
        stand_in.answer = 2


def test_names_of_a_package_load_when_they_are_asked_for(module, monkeypatch):
    name = module("lazily_named", "answer = 42")
    package = ModuleType("lazy_package")
    package.__getattr__, package.__dir__ = lazy_names("lazy_package", {name: ("answer",)})
    monkeypatch.setitem(sys.modules, "lazy_package", package)
    assert "answer" in dir(package)
    assert name not in sys.modules
    assert package.answer == 42
    assert vars(package)["answer"] == 42
    with pytest.raises(AttributeError, match="module 'lazy_package' has no attribute 'question'"):
        package.question
