"use strict";
// Charts that can be seen are drawn first, then the others, one at a time, so that the page can be used meanwhile: for
// print, and so that nobody waits. <html data-seen> and <html data-ready> say after how many milliseconds either was done.
(() => {
  const root = document.documentElement;
  const charts = [...document.querySelectorAll(".chart")];
  const isDark = matchMedia("(prefers-color-scheme: dark)");
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const text = (id) => document.getElementById(id).textContent;
  // Only buttons that are named: plotly.js would offer to send the chart to its makers.
  const CONFIG = { responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "" };
  const ZOOM = ["zoom2d", "pan2d", "resetScale2d"];
  let figures = [];
  let texts = [];

  function decoded(encoded) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(encoded); // newer browsers: much faster
    const binary = atob(encoded);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
    return bytes;
  }

  function unpacked(id) {
    const bytes = new Blob([decoded(text(id))]);
    return new Response(bytes.stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  function restored(part) {
    if (part === null || typeof part !== "object") return part;
    if (Array.isArray(part)) return part.map(restored);
    if ("shared" in part) return texts[part.shared];
    return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, restored(value)]));
  }

  function template() {
    const ink = colour("--ink"), soft = colour("--soft"), line = colour("--line"), panel = colour("--panel");
    const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, zeroline: false, automargin: true, tickangle: 0, ticklabeloverflow: "allow",
      exponentformat: "e", tickfont: { color: soft }, title: { standoff: 8 } };
    return { layout: {
      font: { family: getComputedStyle(document.body).fontFamily, size: 12.5, color: ink },
      title: { font: { size: 14 }, x: 0, xref: "paper", xanchor: "left" },
      colorway: ["#1f80c4", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8d91"],
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", xaxis: axis, yaxis: axis,
      margin: { l: 60, r: 20, t: 30, b: 45 }, hovermode: "closest",
      modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: colour("--accent") },
      hoverlabel: { align: "left", bgcolor: panel, bordercolor: line, font: { color: ink } },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, xanchor: "left" },
    } };
  }

  async function draw(chart) {
    const numbers = chart.dataset.figures.split(" ");
    const select = chart.closest("figure").querySelector("select");
    const figure = restored(figures[numbers[select ? select.selectedIndex : 0]]);
    const layout = { ...figure.layout, template: template(), autosize: true, height: chart.clientHeight };
    chart.dataset.drawn = "yes";
    const modeBarButtons = layout.xaxis?.fixedrange ? [["toImage"]] : [["toImage"], ZOOM];
    const displayModeBar = chart.closest(".grid") ? false : "hover"; // no room for it on a small chart
    await Plotly.react(chart, figure.data, layout, { ...CONFIG, modeBarButtons, displayModeBar });
  }

  const note = (name) => { root.dataset[name] = performance.now().toFixed(0); };
  const undrawn = () => charts.filter((chart) => !chart.dataset.drawn);
  const others = () => new Promise((done) => setTimeout(done));

  function seen() {
    return new Promise((done) => {
      const watch = new IntersectionObserver((entries) => {
        watch.disconnect();
        done(entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target));
      });
      charts.forEach((chart) => watch.observe(chart));
    });
  }

  function drawWhenReached() {
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        watch.unobserve(entry.target);
        if (!entry.target.dataset.drawn) draw(entry.target);
      }
    }, { rootMargin: "200px" });
    undrawn().forEach((chart) => watch.observe(chart));
  }

  async function start() {
    if (charts.length) {
      const [library, data, first] = await Promise.all([unpacked("library"), unpacked("figures"), seen()]);
      const script = document.createElement("script");
      script.textContent = library;
      document.head.append(script);
      ({ figures, texts } = JSON.parse(data));
      for (const chart of first) await draw(chart);
      note("seen");
      drawWhenReached();
      for (let left = undrawn(); left.length; left = undrawn()) {
        await others();
        if (!left[0].dataset.drawn) await draw(left[0]);
      }
    }
    note("ready");
  }

  function broken(error) {
    for (const chart of undrawn()) {
      chart.classList.add("broken");
      chart.textContent = `${chart.dataset.needed} (${error})`;
    }
    root.dataset.error = String(error);
  }

  function sorted(head) {
    const table = head.closest("table"), body = table.tBodies[0];
    const order = head.dataset.order === "up" ? "down" : "up";
    table.querySelectorAll("th").forEach((one) => delete one.dataset.order);
    head.dataset.order = order;
    const sign = order === "up" ? 1 : -1;
    const key = (row) => row.cells[head.cellIndex].textContent;
    const compared = (a, b) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      const difference = Number(a) - Number(b);
      return sign * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
    };
    body.append(...[...body.rows].sort((a, b) => compared(key(a), key(b))));
  }

  document.querySelectorAll("th").forEach((head) => head.addEventListener("click", () => sorted(head)));
  for (const chart of charts) {
    const select = chart.closest("figure").querySelector("select");
    if (select) select.addEventListener("change", () => draw(chart));
  }
  isDark.addEventListener("change", () => charts.forEach((chart) => chart.dataset.drawn && draw(chart)));

  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const place = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      links.forEach((link) => link.classList.remove("here"));
      links.get(entry.target.id).classList.add("here");
    }
  }, { rootMargin: "0px 0px -70% 0px" });
  document.querySelectorAll("h2").forEach((head) => place.observe(head));

  start().catch(broken);
})();
