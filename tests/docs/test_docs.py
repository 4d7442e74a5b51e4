"""What the documentation says is so: links lead somewhere, snippets run, lists are complete."""

import ast
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
import typer

import paceline

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("[A-Z]*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
SECONDS = 6
"""What a budget of minutes or hours in a snippet is cut to."""

MARK = "\x1e"
PRELUDE = f"""\
import functools
import logging

import msgspec

from paceline import Study

logging.basicConfig(format="LOGGED %(levelname)s %(message)s")
run = Study.run


@functools.wraps(run)
def short(self, train, *, budget=None, **settings):
    if budget is not None and budget.minutes is not None:
        budget = msgspec.structs.replace(budget, minutes=min(budget.minutes, {SECONDS} / 60))
    run(self, train, budget=budget, **settings)


Study.run = short
"""


class Block(NamedTuple):
    """A fenced block: what stands after its first fence, its lines, and the number of the first of them."""

    info: str
    lines: list[str]
    begin: int

    @property
    def end(self) -> int:
        return self.begin + len(self.lines)


def lines_of(page: Path) -> list[str]:
    return page.read_text(encoding="utf-8").splitlines()


def blocks(page: Path) -> list[Block]:
    found: list[Block] = []
    fence = ""
    for number, line in enumerate(lines_of(page), start=1):
        begins = re.match(r"(`{3,})(.*)", line)
        if not fence and begins:
            fence = begins[1]
            found.append(Block(begins[2].strip(), [], number + 1))
        elif fence and line.rstrip() == fence:
            fence = ""
        elif fence:
            found[-1].lines.append(line)
    assert not fence, f"{page.name}: the block that begins at line {found[-1].begin} does not end"
    return found


def prose(page: Path) -> list[str]:
    """The page's lines, those of fenced blocks empty, so that the numbers of the others stay the same."""
    lines = lines_of(page)
    for block in blocks(page):
        lines[block.begin - 2 : block.end] = [""] * (len(block.lines) + 2)
    return lines


def headings(page: Path) -> Iterator[tuple[int, str]]:
    for line in prose(page):
        if heading := re.match(r"(#{1,6}) +(.*)", line):
            yield len(heading[1]), heading[2].strip()


def anchors(page: Path) -> set[str]:
    """What may stand behind a #: the headings, as GitHub spells them."""
    counts: dict[str, int] = {}
    found = set()
    for _, heading in headings(page):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        counts[slug] = counts.get(slug, -1) + 1
        found.add(f"{slug}-{counts[slug]}" if counts[slug] else slug)
    return found


def links(page: Path) -> list[str]:
    text = re.sub(r"`[^`\n]*`", "code", "\n".join(prose(page)))
    return re.findall(r"\]\(([^()\s]+)\)", text)


def section(page: Path, title: str) -> str:
    """The prose under a heading, as far as the next one of its level."""
    kept: list[str] = []
    level = 0
    for line in prose(page):
        if heading := re.match(r"(#{1,6}) +(.*)", line):
            if level and len(heading[1]) <= level:
                break
            if heading[2].strip().strip("`") == title:
                level = len(heading[1])
                continue
        if level:
            kept.append(line)
    return "\n".join(kept)


def first_cells(text: str) -> list[str]:
    """The code in the first cell of each row of the tables."""
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]
    return [cell.strip("`") for cell in rows if cell.startswith("`")]


def by_name(paths: list[Path]) -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


# Links -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", by_name(PAGES))
def test_every_link_leads_somewhere(page):
    dead = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_relative_to(ROOT) or not target.exists():
            dead.append(link)
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            dead.append(link)
    assert not dead


def test_every_page_can_be_reached_from_the_index():
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert {page for page in PAGES if page.parent.name == "docs"} - linked <= {index}


def test_files_named_in_code_exist():
    """`examples/demo.py`, `docs/failure.md`, `schedulers/asha.py`: from the root, or from the package."""
    missing = []
    for page in PAGES:
        for name in re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|md|toml))`", "\n".join(prose(page))):
            if not any((folder / name).exists() for folder in (ROOT, ROOT / "src" / "paceline", ROOT / "src")):
                missing.append(f"{page.name}: {name}")
    assert not missing


# Snippets --------------------------------------------------------------------------------------------------------


def script(page: Path) -> str:
    """The page as a program: each Python block in the lines where it stands, all other lines empty."""
    lines = [""] * (len(lines_of(page)) + 1)
    lines[0] = "import prelude"  # where the page has its title
    for block in blocks(page):
        if block.info == "python":
            lines[block.begin - 1 : block.end - 1] = block.lines
            lines[block.end - 1] = f"print('{MARK}{block.end}', flush=True)"
    return "\n".join(lines)


@pytest.mark.parametrize(
    "page", by_name([page for page in PAGES if any(block.info == "python" for block in blocks(page))])
)
def test_snippets_run_and_print_what_the_page_says(page, tmp_path):
    (tmp_path / "prelude.py").write_text(PRELUDE)
    program = tmp_path / f"{page.stem}.py"
    program.write_text(script(page), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program.name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONWARNINGS": "error", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "LOGGED" not in done.stderr
    printed = {}
    for part in done.stdout.split(f"{MARK}")[:-1]:
        text = re.sub(r"^\d+\n", "", part)
        printed[len(printed)] = text
    wanted = expected_outputs(page)
    assert {number: printed[number] for number in wanted} == wanted


def expected_outputs(page: Path) -> dict[int, str]:
    """What the page says that its Python blocks print, by the number of the block."""
    wanted = {}
    number = -1
    for block in blocks(page):
        number += block.info == "python"
        if block.info == "output":
            wanted[number] = "".join(f"{line}\n" for line in block.lines)
    return wanted


@pytest.mark.parametrize("page", by_name(PAGES))
def test_blocks_are_of_known_kinds(page):
    for block in blocks(page):
        assert block.info in {"python", "python no-run", "output", "text", "console", "toml", "json"}, block
        if block.info.startswith("python"):
            compile("\n".join(block.lines), f"{page.name}:{block.begin}", "exec")


# Lists -----------------------------------------------------------------------------------------------------------


def public_names() -> set[str]:
    module = ast.parse(inspect.getsource(paceline))
    imported = {
        alias.asname for node in module.body if isinstance(node, ast.ImportFrom) for alias in node.names if alias.asname
    }
    assigned = {
        target.id for node in module.body if isinstance(node, ast.Assign) for target in node.targets
        if isinstance(target, ast.Name)
    }  # fmt: skip
    return imported | assigned


def test_everything_public_is_listed_and_documented():
    listed = first_cells(section(ROOT / "docs" / "api.md", "Names"))
    assert len(listed) == len(set(listed))
    assert set(listed) == public_names()
    for name in public_names() - {"__version__"}:
        assert getattr(paceline, name).__doc__, name


def test_every_public_method_is_documented():
    for name in public_names():
        thing = getattr(paceline, name)
        if inspect.isclass(thing) and thing.__module__.startswith("paceline"):
            for member, value in vars(thing).items():
                if not member.startswith("_") and (callable(value) or isinstance(value, property | classmethod)):
                    assert inspect.getdoc(getattr(thing, member)), f"{name}.{member}"


def test_names_of_the_package_that_pages_import_exist():
    """In snippets that are not executed, too."""
    for page in PAGES:
        for block in blocks(page):
            if not block.info.startswith("python"):
                continue
            for node in ast.walk(ast.parse("\n".join(block.lines))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("paceline"):
                    module = __import__(str(node.module), fromlist=["*"])
                    assert all(hasattr(module, alias.name) for alias in node.names), f"{page.name}:{block.begin}"


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for page in PAGES:
        in_prose = re.findall(r"`make ([a-z-]+)", "\n".join(prose(page)))
        in_blocks = re.findall(r"^(?:\$ )?make ([a-z-]+)", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert {*in_prose, *in_blocks} <= targets, page.name


def test_every_dependency_has_its_reason():
    pyproject = (ROOT / "pyproject.toml").read_text()
    quoted = re.findall(r'^\s*"?([A-Za-z0-9-]+)(?:\[[a-z,]+\])?>=[0-9.]+"', pyproject, flags=re.MULTILINE)
    inline = re.findall(r'"([A-Za-z0-9-]+)(?:\[[a-z,]+\])?>=[0-9.]+"', pyproject)
    text = (ROOT / "docs" / "dependencies.md").read_text().lower()
    assert len(inline) >= 15
    for name in {*quoted, *inline}:
        assert f"`{name.lower()}`" in text, name


def test_the_map_of_modules_is_complete():
    page = ROOT / "CONTRIBUTING.md"
    text = section(page, "Where things are") if page.exists() else ""
    named = re.findall(r"^\s*(?:[-*|]) *\[?`([\w./-]+)`", text, flags=re.MULTILINE)
    if not named:
        pytest.skip("CONTRIBUTING.md has no such list")
    package = ROOT / "src" / "paceline"
    found = {}
    for name in named:
        places = [folder / name for folder in (ROOT, ROOT / "src", package) if (folder / name).exists()]
        assert places, f"{name} does not exist"
        found[name] = places[0].resolve()
    parts = {
        path for path in package.iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and not path.name.startswith("_")
    }  # fmt: skip
    assert {path.name for path in parts - set(found.values())} == set()


# The command line ------------------------------------------------------------------------------------------------


def commands() -> dict[str, click.Command]:
    if importlib.util.find_spec("paceline.cli.app") is None:
        pytest.skip("there is no command line yet")
    from paceline.cli.app import app

    group = typer.main.get_command(app)
    assert isinstance(group, click.Group)
    return dict(group.commands)
