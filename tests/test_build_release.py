"""What a release is made of can be made again, is named in full, and runs alone."""

import os
import shutil
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from build_release import ROOT, bill_of_materials, build_wheel, requirements
from run_shell import shell_in
from vendor import packages

pytestmark = pytest.mark.unmeasured

FETCHING = ("Makefile", "deploy/Dockerfile", "deploy/github/action.yml", "deploy/gitlab-ci.yml")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.mark.process
def test_e25_two_builds_of_one_source_are_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(
        ROOT / "reconciler", copy / "reconciler", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700 if path.is_dir() else 0o600)
    assert build_wheel(copy, tmp_path / "again").read_bytes() == wheel.read_bytes()


@pytest.mark.process
def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    withheld = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "reconciler").rglob("*.*")}
    assert withheld == {name for name in files if "__pycache__" not in name}


def test_e25_the_bill_names_all_that_is_installed_with_hash_and_license() -> None:
    bill = bill_of_materials()
    assert bill == bill_of_materials()
    components = {component["name"]: component for component in bill["components"]}
    vendored = {package["name"]: package for package in packages() if package["shipped"]}
    for name, component in components.items():
        known = vendored[name]["version"] if name in vendored else version(name)
        assert component["version"] == known
        assert component["hashes"]
        assert all(next(iter(it.values())) for it in component["licenses"])
    needed = {row["ref"]: set(row["dependsOn"]) for row in bill["dependencies"]}
    assert needed.keys() == {"mesh-reconciler", *components}
    assert set().union(*needed.values()) == set(components)


@pytest.mark.every_case
@pytest.mark.parametrize("place", FETCHING)
def test_e25_whatever_pip_fetches_is_pinned_by_a_hash(place: str) -> None:
    lines = (ROOT / place).read_text("utf-8").splitlines()
    fetching = [line for line in lines if "pip install " in line and "/uv " not in line]
    assert fetching
    assert all("--require-hashes" in line or "--no-deps" in line for line in fetching)


@pytest.mark.process
def test_e25_pip_takes_the_wheel_that_the_requirements_name_and_no_other(wheel: Path) -> None:
    *_, pinned, digest = requirements(wheel).splitlines()
    text = wheel.parent / "requirements.txt"
    install = f"{sys.executable} -m pip install --no-index --no-deps --target installed"
    shell = shell_in(wheel.parent)
    text.write_text(f"--find-links .\n{pinned}\n{digest[:-8]}00000000\n", "utf-8")
    assert "DO NOT MATCH" in shell(f"! {install} --requirement {text.name} 2>&1")
    text.write_text(requirements(wheel), "utf-8")
    shell(f"{{ echo --find-links .; tail -n 2 {text.name}; }} > alone.txt")
    shell(f"{install} --requirement alone.txt")
    assert (wheel.parent / "installed" / "bin" / "reconciler").exists()
