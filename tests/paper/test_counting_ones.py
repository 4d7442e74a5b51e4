"""What `benchmarks/counting_ones.py` takes for the incumbent, and how a page gets its tables."""

import math
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from counting_ones import BOHB_, END, METHODS, Curve, R, _incumbents
from evidence import Table, has_place, write_markdown

from paceline.benchmarks import CountingOnes


def config(ones):
    return {"cat_0": int(ones > 0), "float_0": float(ones > 1)}


def test_the_incumbent_is_the_best_observed_at_the_largest_resource():
    results = [
        (0.5, 9, -0.9, config(1)),
        (1.0, 9, -0.8, config(2)),  # worse than what is known
        (2.0, 27, -0.1, config(0)),  # worse, but at a larger resource
        (3.0, 9, -1.0, config(2)),  # better, but at a smaller one
        (4.0, 27, -0.2, config(2)),
    ]
    found = _incumbents(CountingOnes(1), iter(results))
    assert found == Curve([0.5, 2.0, 4.0], [0.5, 1.0, 0.0])
    assert math.isnan(found.at(0.4))
    assert [found.at(budget) for budget in (0.5, 1.9, 2.0, 100)] == [0.5, 0.5, 1.0, 0.0]


def test_the_end_is_where_the_papers_64_brackets_end():
    shapes = METHODS[BOHB_].shapes()
    costs = [
        sum(size * resource for size, resource in zip(shape.sizes, shape.resources, strict=True))
        for shape in shapes
    ]
    assert [cost / R for cost in costs] == [5, 4, 3, 4, 5]
    assert sum(costs[number % 5] for number in range(64)) == END * R


def test_a_page_gets_the_tables_of_each_script_in_its_place(tmp_path):
    page = tmp_path / "page.md"
    end = "<!-- end of measured -->"
    begins = {
        name: f"<!-- measured: written by benchmarks/{name} --markdown -->" for name in ("a.py", "b.py")
    }
    page.write_text(f"one\n{begins['a.py']}\n{end}\ntwo\n{begins['b.py']}\n{end}\nthree\n")
    assert has_place(page, "b.py")
    assert not has_place(page, "c.py")
    for _ in range(2):
        write_markdown(page, "b.py", [Table("figures", ("x",), (("1",),))])
    assert page.read_text() == (
        f"one\n{begins['a.py']}\n{end}\ntwo\n{begins['b.py']}\n\n"
        f"### figures\n\n| x |\n| --- |\n| 1 |\n\n{end}\nthree\n"
    )
