"""The page of all results: `docs/results.md`, between two lines that mark the place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from evidence import as_markdown, verdict_table, write_markdown_text
from experiment import Experiment, Result

SCRIPT = "experiments/run.py --page"


def write(page: Path, results: Mapping[str, Result], experiments: Mapping[str, Experiment]) -> None:
    """Renew the page: a summary, then each experiment that has a result, in the order of the catalogue."""
    chosen = [(it, results[name]) for name, it in experiments.items() if name in results]
    missing = [name for name in experiments if name not in results]
    write_markdown_text(page, SCRIPT, "\n".join([*_summary(chosen, missing), *_sections(chosen)]))


def _summary(chosen: list[tuple[Experiment, Result]], missing: list[str]) -> Iterator[str]:
    verdicts = [verdict for _, result in chosen for verdict in result.finding.verdicts]
    n_holding = sum(verdict.holds for verdict in verdicts)
    yield f"{n_holding} of {len(verdicts)} verdicts hold, of {len(chosen)} experiments."
    if missing:
        yield f"Without a result so far: {', '.join(missing)}."
    yield "\n| experiment | source | verdicts that hold | fails |\n| --- | --- | --- | --- |"
    for it, result in chosen:
        its = result.finding.verdicts
        fails = "; ".join(verdict.claim for verdict in its if not verdict.holds)
        yield f"| [{it.name}](#{it.name}) | {it.source} | {sum(v.holds for v in its)} of {len(its)} | {fails} |"
    yield ""


def _sections(chosen: list[tuple[Experiment, Result]]) -> Iterator[str]:
    for it, result in chosen:
        yield f"### {it.name}\n\n{it.title}. {it.source}.\n"
        yield f"- Measured by `{it.command}`{_needs(it)}."
        yield f"- Every run: {it.spends}."
        yield f"- Scaled down, or ours: {it.scaled or 'nothing'}."
        if (took := result.resources) is not None:
            yield f"- It took {_duration(took.processor_s)} of processors in all, {took.processes} at once."
        else:
            yield "- The verdicts are those of the page below, where they were measured before experiments had names."
        if it.page:
            yield f"- The figures behind the verdicts: [{it.page.removesuffix('.md')}]({it.page})."
        yield ""
        table = verdict_table("", result.finding.verdicts)
        yield _table(as_markdown(table))
        if not it.page:
            for table in result.finding.tables:
                yield f"*{table.title}*\n\n" + _table(as_markdown(table))


def _table(markdown: str) -> str:
    """Without its heading."""
    return markdown.split("\n\n", 1)[1]


def _needs(it: Experiment) -> str:
    words = {
        "data": "the folder `PACELINE_DATA`",
        "tables": "`make tables`",
        "peers": "the extra `peers`",
        "interpreters": "`make .make/hpbandster .make/dehb`",
    }
    return f" with {' and '.join(words[need] for need in it.needs)}" if it.needs else ""


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
