"""What the documentation says is so: links lead somewhere, snippets run, lists are complete."""

import ast
import inspect
import os
import pydoc
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

import paceline

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("[A-Z]*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
SECONDS = 3
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


def leads_somewhere(page: Path, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return True
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.is_relative_to(ROOT) or not target.exists():
        return False
    return not anchor or target.suffix != ".md" or anchor in anchors(target)


@pytest.mark.parametrize("page", by_name(PAGES))
def test_every_link_leads_somewhere(page):
    assert [link for link in links(page) if not leads_somewhere(page, link)] == []


def test_every_page_can_be_reached_from_the_index():
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert {page for page in PAGES if page.parent.name == "docs"} - linked <= {index}


def test_files_named_in_code_exist():
    """`examples/demo.py`, `docs/failure.md`, `schedulers/asha.py`: from the root, or from the package."""
    named = re.compile(r"`([\w./-]+/[\w.-]+\.(?:py|md|toml))`")
    roots = (ROOT, ROOT / "src" / "paceline")
    missing = [
        f"{page.name}: {name}"
        for page in PAGES
        for name in named.findall("\n".join(prose(page)))
        if not any((root / name).exists() for root in roots)
    ]
    assert not missing


# Snippets --------------------------------------------------------------------------------------------------------


def script(page: Path) -> str:
    """The page as a program: each Python block in the lines where it stands, all other lines empty."""
    lines = [""] * (len(lines_of(page)) + 1)
    lines[0] = "import prelude"  # where the page has its title
    for block in blocks(page):
        if block.info == "python":
            lines[block.begin - 1 : block.end - 1] = block.lines
            lines[block.end - 1] = f"print('{MARK}', end='', flush=True)"
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
    printed = done.stdout.split(MARK)
    wanted = expected_outputs(page)
    assert {number: printed[number] for number in wanted} == wanted


def test_the_documented_sampler_keeps_its_contract(tmp_path):
    """Running the page only defines its tests."""
    page = ROOT / "docs" / "writing-a-scheduler.md"
    (tmp_path / "prelude.py").write_text(PRELUDE)
    (tmp_path / "test_page.py").write_text(script(page), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "TestNearTheBest",
        "test_page.py",
    ]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    assert "9 passed" in result.stdout


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
        assert block.info in {"python", "python no-run", "output", "text", "console", "sh", "toml", "json"}, (
            block
        )
        if block.info.startswith("python"):
            compile("\n".join(block.lines), f"{page.name}:{block.begin}", "exec")


# Lists -----------------------------------------------------------------------------------------------------------


def public_names() -> set[str]:
    module = ast.parse(inspect.getsource(paceline))
    imported = {
        alias.asname
        for node in module.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
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
                if not member.startswith("_") and (
                    callable(value) or isinstance(value, property | classmethod)
                ):
                    assert inspect.getdoc(getattr(thing, member)), f"{name}.{member}"


def test_names_of_the_package_that_pages_import_exist():
    """In snippets that are not executed, too."""
    for page in PAGES:
        for block in blocks(page):
            if not block.info.startswith("python"):
                continue
            for node in ast.walk(ast.parse("\n".join(block.lines))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("paceline"):
                    names = [alias.name for alias in node.names]  # of modules, too
                    module = __import__(str(node.module), fromlist=names)
                    assert all(hasattr(module, name) for name in names), f"{page.name}:{block.begin}"


def test_names_of_the_package_in_prose_exist():
    """`paceline.rng`, `paceline.simulation.UnitTraining`."""
    for page in PAGES:
        for name in re.findall(r"`(paceline(?:\.\w+)+)[`(]", "\n".join(prose(page))):
            assert pydoc.locate(name) is not None, f"{page.name}: {name}"


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for page in PAGES:
        in_prose = re.findall(r"`make ([a-z-]+)", "\n".join(prose(page)))
        in_blocks = re.findall(
            r"^(?:\$ )?make ([a-z-]+)", page.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        assert {*in_prose, *in_blocks} <= targets, page.name


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    names = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in needed} - {"paceline"}
    told = (ROOT / "docs" / "dependencies.md").read_text().lower()
    assert not {name for name in names if f"`{name}`" not in told}


def test_the_map_of_modules_is_complete():
    package = ROOT / "src" / "paceline"
    text = section(ROOT / "CONTRIBUTING.md", "Where things are")
    found: set[Path] = set()
    for line in re.findall(r"^[-*] .*", text, flags=re.MULTILINE):
        named = re.findall(r"`([\w./-]+)`", line)
        beside = ROOT / named[0]
        for name in named:
            places = [folder / name for folder in (ROOT, package, beside) if (folder / name).exists()]
            assert places, f"{name} does not exist"
            found.add(places[0])
    parts = {
        path for path in package.iterdir()
        if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").exists())
    }  # fmt: skip
    assert found
    assert not {path.name for path in parts - found}, "not on the map"


# The command line ------------------------------------------------------------------------------------------------

CLI = ROOT / "docs" / "cli.md"


def command_options() -> dict[str, set[str]]:
    """The commands, and the options of each."""
    from paceline.cli.app import app

    group = typer.main.get_command(app)
    return {
        name: {
            "--help",
            *(name for part in command.params if part.param_type_name == "option" for name in part.opts),
        }
        for name, command in group.commands.items()
    }


def test_every_command_and_option_is_explained():
    commands = command_options()
    assert re.findall(r"^\| \[`([a-z-]+)`\]", CLI.read_text(), flags=re.MULTILINE) == list(commands)
    for name, options in commands.items():
        told = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", section(CLI, name)))
        assert options - {"--help"} <= told, f"{name}: some are not explained"
        assert {option for option in told if option.startswith("--")} <= options, f"{name}: some do not exist"


def test_commands_that_pages_show_would_be_accepted():
    commands = command_options()
    shown = [
        (f"{page.name}: {line}", shlex.split(line.removeprefix("$ "), comments=True)[1:])
        for page in PAGES
        for block in blocks(page)
        if not block.info.startswith("python")
        for line in block.lines
        if re.match(r"(?:\$ )?paceline ", line)
    ]
    for line, words in shown:
        assert words[0] in commands, line
        assert {word.partition("=")[0] for word in words if word.startswith("-")} <= commands[words[0]], line
