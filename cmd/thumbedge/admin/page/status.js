"use strict";
const $ = id => document.getElementById(id);
const svgNS = "http://www.w3.org/2000/svg";
// Everything is put into the page as text, never as markup.
function el(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children.map(c => c instanceof Node ? c : String(c)));
  return e;
}
function svg(name, attributes, text) {
  const e = document.createElementNS(svgNS, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  if (text !== undefined) e.textContent = text;
  return e;
}
const digits = n => Number.isInteger(n) ? String(n) : n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toPrecision(2);
const plain = n => n == null ? "–" : n >= 1e6 ? digits(n / 1e6) + " M" : n >= 1e4 ? digits(n / 1e3) + " k" : n >= 100 ? n.toFixed(0) : digits(n);
const bytes = n => { let u = 0; while (n >= 1024 && u < 4) { n /= 1024; u++; } return (u ? digits(n) : n) + " " + ["B", "KiB", "MiB", "GiB", "TiB"][u]; };
const seconds = s => s == null ? "–" : s < 0.001 ? digits(s * 1e6) + " µs" : s < 1 ? digits(s * 1e3) + " ms" : digits(s) + " s";
const share = (part, all) => all > 0 ? (100 * part / all).toFixed(1) + " %" : "–";
const words = name => name.replaceAll("_", " ");
const known = points => [...points].reverse().find(p => p != null) ?? null;
const last = points => points.length ? points[points.length - 1] : null;
let shown; // the last /status

// total adds up a rate over the hour.
function total(points, times) {
  let sum = 0;
  points.forEach((p, i) => { sum += (p || 0) * (i ? times[i] - times[i - 1] : 0); });
  return sum;
}
function sum(plot, of, names) {
  return names.reduce((s, n) => s + (plot.series[n] ? of(plot.series[n]) : 0), 0);
}

// derive makes the plots that are of several metrics.
function derive() {
  const p = shown.history.plots, all = p.duration.series.page || [], app = p.wait.series.page || [];
  p.page_time = { kind: "seconds", series: { "waiting for the app": app, here: all.map((t, i) => t == null || app[i] == null ? t : Math.max(0, t - app[i])) } };
  p.memory = { kind: "bytes", series: { "resident, all": p.resident.series.resident || [], "warm set": p.warmset_used.series.warmset_used || [] } };
}
// setting reads a size of the configuration in force.
function setting(key) {
  const m = /^([0-9.]+) ?([KMGT]?)i?B?$/.exec((shown.config.find(c => c.key === key) || {}).value || "");
  return m ? m[1] * 1024 ** " KMGT".indexOf(m[2] || " ") : 0;
}

function draw(figure) {
  const plot = shown.history.plots[figure.dataset.plot], times = shown.history.times;
  const names = Object.keys(plot.series).sort();
  const active = names.filter(n => plot.series[n].some(p => p));
  const format = plot.kind === "seconds" ? seconds : plot.kind === "bytes" ? bytes : plain;
  const top = Math.max(0, ...active.flatMap(n => plot.series[n])) || 1;
  const width = Math.max(200, figure.clientWidth), height = 130, from = times[0], span = Math.max(1, last(times) - from);
  const x = i => (times[i] - from) / span * width, y = p => height - 16 - p / top * (height - 34);
  const image = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": figure.parentNode.querySelector("h2").textContent });
  for (const p of [0, top]) image.append(svg("line", { x1: 0, x2: width, y1: y(p), y2: y(p) }));
  image.append(svg("text", { x: 0, y: y(top) - 4 }, active.length ? format(top) : "nothing in the last hour"));
  const minutes = Math.round(span / 60);
  image.append(svg("text", { x: 0, y: height - 2 }, times.length > 1 ? (minutes ? minutes + " min ago" : Math.round(span) + " s ago") : "collecting"));
  image.append(svg("text", { x: width, y: height - 2, "text-anchor": "end" }, "now"));
  for (const n of active) {
    let d = "", gap = true;
    plot.series[n].forEach((p, i, points) => {
      if (p == null) { gap = true; return; }
      d += (gap ? "M" : "L") + x(i).toFixed(1) + " " + y(p).toFixed(1) + (gap && points[i + 1] == null ? "h3" : "");
      gap = false;
    });
    image.append(svg("path", { d, stroke: `var(--c${names.indexOf(n) % 10})` }));
  }
  const at = svg("line", { class: "at", y1: 0, y2: height - 16, visibility: "hidden" });
  image.append(at);
  const legend = el("figcaption");
  const tell = i => {
    legend.replaceChildren(...active.map(n => el("span", {}, el("i", { style: `background: var(--c${names.indexOf(n) % 10})` }),
      words(n) + " ", el("b", {}, format(plot.series[n][i] ?? (i === times.length - 1 ? known(plot.series[n]) : null))))));
    if (i < times.length - 1) legend.append(el("span", {}, new Date(times[i] * 1000).toLocaleTimeString()));
  };
  image.addEventListener("pointermove", e => {
    const t = from + (e.clientX - image.getBoundingClientRect().left) / width * span;
    let i = 0;
    while (i < times.length - 1 && times[i + 1] <= t) i++;
    at.setAttribute("x1", x(i)); at.setAttribute("x2", x(i)); at.setAttribute("visibility", "visible");
    tell(i);
  });
  image.addEventListener("pointerleave", () => { at.setAttribute("visibility", "hidden"); tell(times.length - 1); });
  if (times.length) tell(times.length - 1);
  figure.replaceChildren(image, legend);
}

function row(name, ...cells) {
  return el("tr", {}, el("th", { scope: "row" }, name), ...cells.map(c => c instanceof Node ? c : el("td", { class: "n" }, c)));
}
function hourTable(table) {
  const plot = shown.history.plots[table.dataset.hour], times = shown.history.times;
  const rows = Object.entries(plot.series).map(([n, points]) => [n, Math.round(total(points, times)), last(points)])
    .filter(r => r[1] > 0).sort((a, b) => b[1] - a[1]);
  table.replaceChildren(...rows.map(([n, hour, now]) => row(words(n), plain(hour) + " in the hour", plain(now) + "/s")));
  if (!rows.length) table.append(row("none in the last hour"));
}

function tiles() {
  const h = shown.history, pages = h.plots.pages, all = Object.keys(pages.series), duration = h.plots.duration.series.page || [];
  const now = sum(pages, p => last(p) || 0, all), hour = sum(pages, p => total(p, h.times), all);
  const free = sum(pages, p => total(p, h.times), ["memory"]);
  const label = v => sum(h.plots.labels, p => total(p, h.times), [v]);
  const found = ["warm", "cold", "stale"].map(label), labels = found.reduce((a, b) => a + b, 0);
  const thumbnails = sum(h.plots.thumbnails, p => total(p, h.times), Object.keys(h.plots.thumbnails.series));
  const tile = (value, text) => el("div", {}, el("b", {}, value), el("span", { class: "dim" }, text));
  const mean = name => known(h.plots[name].series.page || []), whole = mean("duration"), app = mean("wait");
  const renders = sum(h.plots.renders, p => total(p, h.times), Object.keys(h.plots.renders.series));
  $("tiles").replaceChildren(
    tile(plain(now), `pages a second now; ${plain(Math.round(hour))} in the last hour`),
    tile(share(free, hour), "of the hour's pages needed no query"),
    tile(share(found[0], labels), `of route URLs warm; ${share(found[1], labels)} cold, ${share(found[2], labels)} stale`),
    tile(plain(Math.round(found[0] + thumbnails)), "thumbnail requests of the hour that the app was saved"),
    tile(whole == null ? "–" : seconds(app == null ? whole : Math.max(0, whole - app)), app == null ? "our share of a page's time" : `our share of a page's time; the app's: ${seconds(app)}`),
    tile(plain(Math.round(renders)), "labels rendered in the hour, all outcomes"));
}

// gain says what there is to gain in pages, and where it is not.
function gain() {
  const h = shown.history, hour = (plot, names) => sum(h.plots[plot], p => total(p, h.times), names || Object.keys(h.plots[plot].series));
  const pages = hour("answers"), without = hour("passed", ["no_routes"]);
  $("gain").textContent = !pages ? "" : `${share(without, pages)} of the hour's pages had no route URL.` + (without < pages / 2 ? "" :
    " Where the app writes storage URLs itself, as antenna does for thumbnails that there are, what remains to gain is the cold half: " +
    "those that there are not, made and answered here instead of in the app.");
}

function limits() {
  const p = shown.history.plots, at = (plot, name = plot) => last(p[plot].series[name] || []) || 0;
  const bar = (name, now, most, format) => row(name, el("td", { style: "width: 34%" },
    el("meter", { min: 0, max: most || 1, high: most * .9 || 1, value: now, "aria-label": name })), `${format(now)} of ${format(most)}`);
  const name = n => ({ captures: "render queue" })[n] || words(n.replace(/_bytes$/, ""));
  $("limits").replaceChildren(
    ...Object.keys(p.limit.series).sort().map(n => bar(name(n), at("used", n), at("limit", n), n.endsWith("bytes") ? bytes : plain)),
    bar("pages in hand", at("page_memory"), setting("rewrite.memory"), bytes),
    bar("warm set", at("warmset_used"), at("warmset_limit"), bytes),
    ...(shown.responses ? [bar("response cache", shown.responses.used, shown.responses.max_size, bytes)] : []),
    bar("database pool", at("database_busy"), at("database_limit"), plain),
    bar("connections", at("connections"), setting("server.max_conns"), plain));
}

// curve draws what other sizes of the warm set would do. A click on one takes it.
function curve() {
  const { sizes, pages, advice } = shown.curve;
  $("advice").textContent = advice;
  const figure = $("curve"), width = Math.max(240, figure.clientWidth), height = width > 460 ? 270 : 200, left = 40, bottom = 36, right = 14;
  const x = t => left + (Math.log2(t) + 4) / 7 * (width - left - right), y = v => 8 + (1 - v) * (height - bottom - 8);
  const image = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": advice });
  for (const v of [0, .25, .5, .75, 1]) image.append(svg("line", { x1: left, x2: width - right, y1: y(v), y2: y(v) }), svg("text", { x: left - 6, y: y(v) + 4, "text-anchor": "end" }, 100 * v + " %"));
  image.append(svg("line", { class: "now", x1: x(1), x2: x(1), y1: y(1), y2: y(0) }));
  for (const s of sizes.filter(s => Number.isInteger(Math.log2(s.times)) && (width > 460 || Math.log2(s.times) % 2 === 0)))
    image.append(svg("text", { x: x(s.times), y: height - bottom + 16, "text-anchor": s.times === 8 ? "end" : "middle" }, bytes(s.max_size)));
  image.append(svg("text", { x: x(1), y: height - 4, "text-anchor": "middle" }, "now"));
  const lines = [["pages answered without a query", "pages", 0], ["captures found", "captures", 1]], legend = el("figcaption");
  if (pages > 0) for (const [, key, c] of lines) {
    image.append(svg("path", { d: "M" + sizes.map(s => x(s.times).toFixed(1) + " " + y(s[key]).toFixed(1)).join("L"), stroke: `var(--c${c})` }));
    for (const s of sizes) image.append(svg("circle", { cx: x(s.times), cy: y(s[key]), r: s.times === 1 ? 5 : 3.5, fill: `var(--c${c})` }));
  }
  const tell = s => legend.replaceChildren(el("span", {}, "at ", el("b", {}, bytes(s.max_size))), ...lines.map(([name, key, c]) =>
    el("span", {}, el("i", { style: `background: var(--c${c})` }), name + " ", el("b", {}, pages > 0 ? share(s[key], 1) : "–"))));
  sizes.forEach((s, i) => {
    const from = i ? (x(s.times) + x(sizes[i - 1].times)) / 2 : left, to = i < sizes.length - 1 ? (x(s.times) + x(sizes[i + 1].times)) / 2 : width;
    const hit = svg("rect", { class: "hit", x: from, y: 0, width: to - from, height: height - bottom });
    hit.addEventListener("pointerenter", () => tell(s));
    hit.addEventListener("click", () => { $("size").value = Math.round(s.max_size / 1048576) + "MiB"; });
    image.append(hit);
  });
  image.addEventListener("pointerleave", () => tell(sizes.find(s => s.times === 1)));
  tell(sizes.find(s => s.times === 1));
  figure.replaceChildren(image, legend);
}

// responses tells what the response cache did since the start.
function responses() {
  const r = shown.responses;
  if (!r) { $("responses").replaceChildren(row("off", el("td", {}, "nothing is kept: ", el("code", {}, "responses.enabled")))); return; }
  const n = x => x.toLocaleString(), memory = r.hits + r.stale + r.collapsed + r.validated;
  $("responses").replaceChildren(
    row("used", `${bytes(r.used)} of ${bytes(r.max_size)} (${share(r.used, r.max_size)})`),
    row("answers kept", n(r.entries)), row("URLs evicted", n(r.evictions)),
    row("answered from memory", `${n(memory)} (${share(memory, memory + r.misses + r.bypassed)})`),
    row("fresh, stale", `${n(r.hits)}, ${n(r.stale)}`),
    row("with another's, after a 304", `${n(r.collapsed)}, ${n(r.validated)}`),
    row("misses, not for a cache", `${n(r.misses)}, ${n(r.bypassed)}`),
    row("the app was saved", `${bytes(r.saved_bytes)} of bodies`),
    row("anonymous pages", r.anonymous ? "shared" : "not shared"),
    row("size", el("td", {}, r.curve.advice)),
    ...r.curve.sizes.filter(s => r.curve.requests > 0 && [.25, .5, 1, 2, 4].includes(s.times)).map(s =>
      row(`without the app at ${bytes(s.max_size)}`, `${share(s.requests, 1)}, ${share(s.bytes, 1)} of bytes`)));
}

// reconciled tells of the last run, of both storages where there are two.
function reconciled() {
  const r = shown.reconcile, into = $("reconcile");
  if (!r) { into.replaceChildren(el("p", { class: "dim" }, "None is known. ", el("code", {}, "thumbedge reconcile"), " finds rows whose file is gone and files that no row names.")); return; }
  into.replaceChildren(...lastRun(r), ...(r.private ? [el("h3", {}, "Private thumbnails"), ...lastRun(r.private)] : []));
}

// lastRun tells of a run: when, what was found, what was repaired.
function lastRun(r) {
  const n = x => x.toLocaleString(), again = r.rows_regenerate.blank_path + r.rows_regenerate.other_width + r.rows_regenerate.older_than_original;
  return [el("p", { class: "dim small" }, `${new Date(r.finished).toLocaleString()}, ${seconds((new Date(r.finished) - new Date(r.started)) / 1000)}` + (r.apply ? "" : "; a dry run: nothing was changed")),
    el("table", {},
      row("rows, files looked at", `${n(r.rows)}, ${n(r.files)}`),
      row("rows whose file is gone", n(r.rows_file_gone)), row("removed", n(r.rows_removed)),
      row("files that no row names", `${n(r.files_unnamed)} (${bytes(r.bytes_unnamed)})`), row("deleted", `${n(r.files_deleted)} (${bytes(r.bytes_deleted)})`),
      row("rows that will regenerate", n(again)))];
}

// sentence is an answer's, with the way to the runbook's section.
function sentence(s) {
  const text = el("span", {}, s.text + " ");
  if (s.runbook) text.append(el("a", { href: "/runbook#" + slug(s.runbook) }, "Runbook: " + s.runbook));
  return el("li", { class: s.state }, text);
}
const slug = name => name.toLowerCase().replaceAll(" ", "-").replace(/[^a-z0-9_-]/g, "");
const moment = t => t.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC");

// failures lists what failed last. The table is there from the start where anything had.
function failures() {
  if (!shown.failures.length) return;
  let body = document.querySelector("#failures tbody");
  if (!body) {
    body = el("tbody");
    $("failures").replaceChildren(el("div", { class: "scroll" }, el("table", {}, el("caption", {}, "Thumbnails that could not be made, the last first"),
      el("thead", {}, el("tr", {}, ...["capture", "label", "when", "cause", "why"].map(n => el("th", { scope: "col" }, n)))), body)));
  }
  body.replaceChildren(...shown.failures.map(f => el("tr", {}, el("td", {}, el("a", { href: "/explain/" + f.id }, f.id)),
    ...[f.label, f.at ? moment(f.at) : "", words(f.cause), f.why].map(text => el("td", {}, text)))));
}

function show() {
  const { readiness, warm_set: w } = shown;
  $("ready").textContent = readiness.ready ? "ready" : "not ready";
  $("ready").className = readiness.ready ? "ok" : "down";
  $("parts").replaceChildren(...readiness.parts.map(p => el("li", { class: p.state }, p.name, el("span", {}, " " + p.state))));
  for (const question of ["wrong", "saved", "change"]) $(question).replaceChildren(...shown.answers[question].map(sentence));
  failures();
  $("warm").replaceChildren(
    row("used", `${bytes(w.used)} of ${bytes(w.max_size)} (${share(w.used, w.max_size)})`),
    row("captures", w.captures.toLocaleString()), row("evicted since resized", w.evictions.toLocaleString()),
    row("notifications", el("td", { class: "n " + (w.connected ? "ok" : "degraded") }, w.connected ? "heard" : "not heard")),
    row("generation", w.generation),
    row("breaker", el("td", { class: "n " + (w.breaker_open ? "down" : "ok") }, w.breaker_open ? "open: the database is not asked" : "closed")));
  derive();
  tiles();
  gain();
  limits();
  curve();
  responses();
  reconciled();
  document.querySelectorAll("[data-plot]").forEach(draw);
  document.querySelectorAll("[data-hour]").forEach(hourTable);
}

async function refresh() {
  try {
    const response = await fetch("/status", { cache: "no-store" });
    if (!response.ok) throw new Error((await response.json()).detail);
    shown = await response.json();
    show();
    $("age").textContent = "as of " + new Date(shown.now).toLocaleTimeString();
  } catch (e) {
    $("age").textContent = "no answer: " + e.message;
  }
}

// Without JavaScript the form does the same, and leads back to the page.
$("resize").addEventListener("submit", async e => {
  e.preventDefault();
  $("resized").textContent = "resizing";
  try {
    const response = await fetch("/cache", { method: "POST", body: new URLSearchParams(new FormData(e.target)), redirect: "manual" });
    if (response.type !== "opaqueredirect") throw new Error((await response.json()).detail);
    await refresh();
    $("resized").textContent = "now " + bytes(shown.warm_set.max_size);
  } catch (e) {
    $("resized").textContent = "not resized: " + e.message;
  }
});
addEventListener("resize", () => { if (shown) { document.querySelectorAll("[data-plot]").forEach(draw); curve(); } });
refresh();
setInterval(() => { if (!document.hidden) refresh(); }, 10000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
