"""Pages: nothing is asked for from outside, nothing that is shown is markup, and charts hold what they were given."""

import base64
import gzip
import json
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from paceline.pages import Page, escaped, graph_objects
from paceline.pages.library import kinds_of, library, with_kinds
from paceline.pages.packing import compressed, packed
from paceline.testing.browser import Browser, chromium

HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">&amp;"
)
READY = """new Promise((done) => {
  const look = () => document.documentElement.dataset.ready || document.documentElement.dataset.error
    ? done({...document.documentElement.dataset}) : setTimeout(look, 10);
  look();
})"""


def unpacked(text):
    return json.loads(gzip.decompress(base64.b64decode(text)))


def array(part):
    return np.frombuffer(base64.b64decode(part["bdata"]), part["dtype"])


def scatter(x, y, **more):
    return graph_objects().Figure(graph_objects().Scatter(x=x, y=y, **more))


def full_page():
    page = Page(HOSTILE, HOSTILE)
    page.section(HOSTILE, HOSTILE)
    page.paragraph(HOSTILE)
    page.table([HOSTILE, "n"], [[HOSTILE, 1], ["b", None]], caption=HOSTILE)
    names = [escaped(f"{HOSTILE} {place}") for place in range(30)]
    figure = scatter(np.arange(30), np.arange(30) / 7, text=names, name=escaped(HOSTILE), mode="markers")
    figure.update_layout(title=escaped(HOSTILE), xaxis_title=escaped(HOSTILE))
    page.chart(figure, caption=HOSTILE)
    page.section("Second")
    page.choice(HOSTILE, {HOSTILE: figure, "other": scatter([1, 2], [3, 4])}, caption=HOSTILE)
    return page


class Elements(HTMLParser):
    """All elements with their attributes, and text by the element it is in."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.texts = {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        if data.strip():
            self.texts.setdefault(self.elements[-1][0], []).append(data)


def test_a_page_asks_for_nothing_from_outside():
    text = full_page().to_html()
    found = Elements(text)
    policy = text[text.index("Content-Security-Policy") :].partition(">")[0]
    assert "default-src 'none'" in policy
    assert "form-action 'none'" in policy
    assert "unsafe-eval" not in policy
    assert not re.search(r"https?://", re.sub(r'<script type="text/plain".*?</script>', "", text))
    loading = {name for _, attributes in found.elements for name in attributes} & {
        "src",
        "srcset",
        "data",
        "action",
    }
    assert not loading
    assert all(attributes["href"].startswith("#") for _, attributes in found.elements if "href" in attributes)


def test_no_text_is_markup():
    found = Elements(full_page().to_html())
    tags = [tag for tag, _ in found.elements]
    assert "img" not in tags
    assert tags.count("script") == 3
    for tag in ("title", "h1", "h2", "p", "th", "td", "caption", "figcaption", "option", "a", "label"):
        assert HOSTILE in "".join(found.texts[tag]), tag


def test_the_contents_name_each_section():
    found = Elements(full_page().to_html())
    links = [attributes["href"] for tag, attributes in found.elements if tag == "a"]
    assert links == [f"#{attributes['id']}" for tag, attributes in found.elements if tag == "h2"]


def test_columns_of_numbers_are_aligned_right_and_texts_are_not():
    page = Page("p")
    page.table(["name", "n", "x", "yes"], [["a", 1, None, True], ["2", 12, 1 / 3, False]])
    text = page.to_html()
    assert '<th>name</th><th class="number">n</th><th class="number">x</th><th>yes</th>' in text
    assert '<td>2</td><td class="number">12</td><td class="number">0.333333</td><td>False</td>' in text
    assert '<td class="number"></td>' in text


def test_equal_contents_give_equal_pages():
    assert full_page().to_html() == full_page().to_html()


def test_a_page_without_charts_carries_no_library():
    page = Page("p")
    page.paragraph("Nothing yet.")
    assert len(page.to_html()) < 20_000


def test_a_chart_holds_the_numbers_that_it_was_given():
    rng = np.random.default_rng(0)
    x, y = 10 ** rng.uniform(-6, 0, 500), rng.normal(1e6, 1.0, 500)
    figure = unpacked(packed([scatter(x, y)]))["figures"][0]
    [trace] = figure["data"]
    assert trace["x"]["dtype"] == "f4"
    assert trace["y"]["dtype"] == "f8", "32 bits would move these points visibly"
    assert array(trace["x"]) == pytest.approx(x, rel=1e-6)
    assert np.array_equal(array(trace["y"]), y)
    assert "template" not in figure["layout"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.arange(9), "i4"),
        (np.array([0, 2**40]), "f8"),
        (np.array([np.nan, 0.5]), "f4"),
        (np.array([np.nan, np.nan]), "f4"),
        (np.array([1e300, 1.0]), "f8"),
        (np.array([]), "f4"),
    ],
)
def test_any_numbers_come_back(values, kind):
    [trace] = unpacked(packed([scatter(values, values)]))["figures"][0]["data"]
    assert trace["x"]["dtype"] == kind
    assert np.allclose(array(trace["x"]), values, equal_nan=True)


def test_what_is_not_finite_in_a_list_is_a_gap():
    [trace] = unpacked(packed([scatter([1, 2, 3], [1.0, float("nan"), None])]))["figures"][0]["data"]
    assert trace["y"] == [1.0, None, None]


def test_texts_that_several_charts_show_are_kept_once():
    names = [f"trial {number}" for number in range(300)]
    found = unpacked(packed([scatter(np.arange(300), np.arange(300), text=names) for _ in range(3)]))
    assert found["texts"] == [names]
    assert [figure["data"][0]["text"] for figure in found["figures"]] == [{"shared": 0}] * 3


def test_compressing_knows_no_time():
    assert compressed("abc") == compressed("abc")
    assert gzip.decompress(base64.b64decode(compressed("aé"))).decode() == "aé"


def test_a_table_without_names_of_columns_has_no_head_and_a_long_one_is_scrolled():
    page = Page("p")
    page.table(["", ""], [["a", 1]])
    page.table(["a"], [[number] for number in range(26)])
    text = page.to_html()
    assert text.count("<thead>") == 1
    assert text.count('class="table"') == text.count('class="table long"') == 1


def test_plotly_starts_only_what_is_drawn():
    script = get_plotlyjs()
    go = graph_objects()
    figures = [go.Figure(go.Bar(x=[1])), scatter([1], [2])]
    assert kinds_of(figures) == {"bar", "scatter"}
    smaller = with_kinds(script, kinds_of(figures))
    begin = next(place for place, (a, b) in enumerate(zip(script, smaller, strict=False)) if a != b)
    assert script[begin - 11 : begin].endswith(".register([") or script[:begin].endswith("()")
    listed = re.search(r"\.register\(\[([^\]]*)\]\)", smaller[begin - 200 :])[1]
    assert listed.count("()") == 1
    assert with_kinds(script, frozenset({"scatter"})) != script
    assert library(frozenset({"scatter"})) is library(frozenset({"scatter"}))


@pytest.mark.parametrize(
    "script",
    ["", "Plotly.register([])", "a.register([b()]);", "a.register([b(),c()]);b=W((e,t)=>{t.exports=1});"],
)
def test_a_plotly_that_is_not_understood_is_left_as_it_is(script):
    assert with_kinds(script, frozenset({"scatter", "bar"})) == script


def test_a_kind_is_found_behind_a_module_that_passes_it_on():
    script = (
        'var Xa=W((e,t)=>{"use strict";t.exports={moduleType:"trace",name:"pie"}});'
        'var b$=W((e,t)=>{"use strict";t.exports={moduleType:"trace",name:"bar"}});'
        'var a=W((e,t)=>{"use strict";t.exports=b$()}),b=W((e,t)=>{"use strict";t.exports=Xa()});'
        "r.register([b(),a()]);"
    )
    assert with_kinds(script, frozenset({"bar"})).endswith("r.register([a()]);")
    assert with_kinds(script, frozenset({"bar", "pie"})).endswith("r.register([a(),b()]);")
    assert with_kinds(script, frozenset({"bar", "box"})) == script


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    if chromium() is None:
        if os.environ.get("PACELINE_NO_SKIPS") == "1":
            pytest.fail("Chromium is not installed, and PACELINE_NO_SKIPS=1")
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(full_page().to_html(), encoding="utf-8")
    with Browser() as browser:
        browser.open(file)
        yield browser


def test_a_browser_draws_all_charts_and_connects_to_nobody(opened):
    said = opened.evaluate(READY)
    assert "error" not in said
    assert opened.errors == []
    assert opened.evaluate("document.querySelectorAll('.chart .main-svg').length") >= 2
    assert [address.partition(":")[0] for address in opened.requests] == ["file"]
    assert opened.evaluate("document.title") == HOSTILE
    assert HOSTILE in opened.evaluate("document.querySelector('.chart .xtitle').textContent")


def test_no_button_sends_a_chart_to_anybody(opened):
    """plotly.js has one, and it is there if nothing is said against it."""
    opened.evaluate(READY)
    chart = "document.querySelector('.chart')"
    assert opened.evaluate(f"{chart}._context.plotlyServerURL") == ""
    buttons = opened.evaluate(
        f"[...{chart}.querySelectorAll('.modebar-btn')].map((button) => button.dataset.title)"
    )
    assert len(buttons) == 4
    assert not [name for name in buttons if "hare" in name or "loud" in name]


def test_a_choice_draws_the_chart_that_was_chosen(opened):
    opened.evaluate(READY)
    points = "document.querySelectorAll('.chart')[1].calcdata[0].length"
    assert opened.evaluate(points) == 30
    opened.evaluate(
        "(() => { const box = document.querySelector('select'); box.selectedIndex = 1;"
        " box.dispatchEvent(new Event('change')); })()"
    )
    assert opened.evaluate(points) == 2


def test_a_click_sorts_a_table(opened):
    column = "[...document.querySelectorAll('tbody tr')].map((row) => row.cells[1].textContent)"
    assert opened.evaluate(column) == ["1", ""]
    opened.evaluate("document.querySelector('th').click()")
    assert opened.evaluate(column) == ["1", ""]
    opened.evaluate("document.querySelector('th').click()")
    assert opened.evaluate(column) == ["", "1"]
