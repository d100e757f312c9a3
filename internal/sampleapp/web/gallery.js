// The demo's gallery. It loads a page of captures through thumbedge or straight
// from the app, shows the images as any gallery does, and tells where each came
// from by what can be seen from here:
//
//   storage         the page itself named the file: no redirect at all
//   proxy redirect  the page named the route, and the app never saw the request
//   app redirect    the page named the route, and the app counted the request
//
// The app remembers which thumbnail requests reached it. To find its own among
// them, and because a browser keeps a redirect for five minutes, the gallery adds
// the number of this visit to route URLs; the rest of a URL stays as it came.

const route = "/api/v2/captures/thumbnails/";
const pageSize = 40;
const names = { storage: "storage", proxy: "proxy redirect", app: "app redirect", original: "original", failed: "failed", open: "loading" };
const $ = (id) => document.getElementById(id);

// state is what tests read, as window.demo. An image's source is a key of names.
const state = { via: "", who: "anyone", labels: [], offset: 0, visit: "", images: [], count: 0, complete: false, lastImage: 0, thumbnailsAtApp: 0, originals: 0, shared: false, cold: 0, serving: [], pagesAtApp: 0, peak: { busy: 0, waiting: 0 }, error: "" };
window.demo = state;

let config = { app: "", proxy: "", people: {} };
let counters = null; // the app's, as last heard
let before = { thumbnail: 0, page: 0 }; // its requests when this view began
let stream = null;
let captures = [];
let opened = 0;      // index of the capture in the box

const base = () => config[state.via] || location.origin;

async function start() {
  config = await getJSON(new URL("demo/config", location.href));
  const wanted = new URLSearchParams(location.search);
  const here = location.origin === config.app || !config.proxy ? "app" : "proxy";
  state.via = config[wanted.get("via")] ? wanted.get("via") : here;
  state.who = config.people[wanted.get("who")] ? wanted.get("who") : "anyone";
  state.labels = (wanted.get("labels") || "small,medium").split(",").filter((l) => config.labels.includes(l));
  state.offset = Math.max(0, parseInt(wanted.get("offset")) || 0);
  $("share").hidden = !config.sharing || !config.proxy;
  $("share").querySelector("b").textContent = config.sharing?.period;
  $("share").querySelector("input").checked = state.shared = config.sharing?.on ?? false;
  $("share").addEventListener("change", share);
  $("cold").hidden = !config.cold;
  $("cold").addEventListener("click", makeCold);
  for (const input of document.querySelectorAll("#controls input[type=radio]")) {
    input.checked = input.value === String(state[input.name]);
    input.disabled = input.name === "via" && !config[input.value] && input.value !== state.via;
    input.addEventListener("change", choose);
  }
  $("controls").addEventListener("submit", (event) => { event.preventDefault(); load(); });
  $("previous").addEventListener("click", () => turn(-pageSize));
  $("next").addEventListener("click", () => turn(pageSize));
  performance.setResourceTimingBufferSize(4000);
  watchBox();
  await load();
}

function choose() {
  const form = new FormData($("controls"));
  state.via = form.get("via");
  state.labels = form.get("labels").split(",");
  if (state.who !== form.get("who")) state.offset = 0; // another gallery
  state.who = form.get("who");
  load();
}

// makeCold has every thumbnail forgotten, and loads the page as its first visitor.
const makeCold = () => change($("cold"), "made cold", async () => {
  await post("cold");
  state.cold++;
});

// share sets whether thumbedge shares pages, for all visitors, and loads the page.
function share() {
  const tick = $("share").querySelector("input");
  change(tick, "shared", async () => { state.shared = tick.checked = await (await post("sharing", String(tick.checked))).json(); });
}

// change does by a control what changes the demo for all, and loads the page.
async function change(control, what, work) {
  control.disabled = true;
  try {
    await work();
    await load();
  } catch (error) {
    $("problem").textContent = `The gallery could not be ${what}: ${error.message}`;
    $("problem").hidden = false;
  }
  control.disabled = false;
}

async function post(name, body) {
  const response = await fetch(`${base()}/demo/${name}`, { method: "POST", body });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response;
}

function turn(by) {
  state.offset = Math.max(0, state.offset + by);
  load();
  scrollTo({ top: 0 });
}

// load shows the page that state describes, as a new visit.
async function load() {
  const visit = state.visit = Math.random().toString(36).slice(2, 10);
  Object.assign(state, { images: [], complete: false, lastImage: 0, thumbnailsAtApp: 0, originals: 0, pagesAtApp: 0, peak: { busy: 0, waiting: 0 }, error: "" });
  history.replaceState(null, "", "?" + new URLSearchParams({ via: state.via, who: state.who, labels: state.labels.join(), offset: state.offset }));
  $("problem").hidden = true;
  reserve();
  watchCounters();
  try {
    counters = await getJSON(base() + "/demo/counters");
    before = counters;
    const began = performance.now();
    const query = new URLSearchParams({ limit: pageSize, offset: state.offset, ordering: "-timestamp" });
    if (state.who !== "anyone") query.set("project_id", config.private);
    const page = await getJSON(`${base()}/api/v2/captures/?${query}`, config.people[state.who], "default");
    if (visit !== state.visit) return; // another load has begun
    captures = page.results;
    state.count = page.count;
    show(began);
    await Promise.all(state.images.map((image) => image.settled));
    if (visit !== state.visit) return;
    await attribute(visit);
    counters = await getJSON(base() + "/demo/counters");
    if (visit !== state.visit) return;
    report(); // what the app did for this view; from now on it works for others
    state.complete = true;
    remember();
  } catch (error) {
    if (visit !== state.visit) return;
    state.error = String(error);
    $("problem").textContent = `The page could not be loaded from ${base()}: ${error.message}`;
    $("problem").hidden = false;
  }
  report();
}

// With the cache "no-store" a browser asks for an answer that nobody has kept, thumbedge
// neither; with "default", as it asks for anything that a page loads.
async function getJSON(url, token, cache = "no-store") {
  const response = await fetch(url, { cache, headers: token ? { Authorization: `Token ${token}` } : {} });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}

// reserve keeps a full page's place in an empty grid, so that nothing moves when
// the page comes.
function reserve() {
  const grid = $("grid");
  grid.classList.toggle("single", state.labels.length === 1);
  if (grid.children.length) return;
  grid.replaceChildren(...Array.from({ length: pageSize }, () => {
    const card = $("card").content.cloneNode(true).firstElementChild;
    card.querySelector("button").append(...state.labels.map((label) => {
      const element = document.createElement("span");
      element.className = `pane ${label}`;
      return element;
    }));
    card.querySelector(".caption span").textContent = "\u00a0";
    return card;
  }));
}

// show fills the grid and starts the images.
function show(began) {
  $("grid").replaceChildren(...captures.map((capture, index) => {
    const card = $("card").content.cloneNode(true).firstElementChild;
    const pictures = card.querySelector("button");
    const [date, time] = (capture.timestamp || "T").split("T");
    const where = capture.deployment?.name ?? "no deployment";
    card.dataset.capture = capture.id;
    card.querySelector("strong").textContent = where;
    card.querySelector(".caption span").textContent = `${date} ${time.slice(0, 5)}`;
    pictures.disabled = false;
    pictures.setAttribute("aria-label", `Capture ${capture.id}, ${where}, ${date} ${time}: enlarge`);
    pictures.addEventListener("click", () => openBox(index));
    pictures.append(...state.labels.map((label) => pane(capture, label, began)));
    return card;
  }));
  const last = state.offset + captures.length;
  $("range").textContent = captures.length ? `${state.offset + 1}–${last} of ${state.count}` : `none of ${state.count}`;
  $("previous").disabled = state.offset === 0;
  $("next").disabled = last >= state.count;
  report();
}

// pane makes one image, and keeps what becomes of it.
function pane(capture, label, began) {
  const image = { capture: capture.id, label, url: address(capture, label), source: "open", cached: false };
  const element = document.createElement("span");
  element.className = `pane ${label}`;
  const badge = document.createElement("span");
  badge.className = "badge";
  const img = document.createElement("img");
  img.alt = "";
  img.decoding = "async";
  if (label === "medium") img.style.objectPosition = `${15 + capture.id * 37 % 70}% ${15 + capture.id * 53 % 70}%`;
  image.mark = () => {
    element.dataset.source = image.source;
    const [name, kind] = names[image.source].split(" ");
    const rest = document.createElement("i"); // left out where there is no room
    rest.textContent = kind ? ` ${kind}` : "";
    badge.replaceChildren(name, rest);
    badge.title = `${label}, ${names[image.source]}${image.cached ? ", from the browser's cache" : ""}: ${image.url}`;
  };
  image.settled = new Promise((settle) => {
    const end = (loaded) => {
      element.dataset.state = loaded ? "loaded" : "failed";
      if (!loaded) image.source = "failed";
      else if (!capture.thumbnails?.[label]) image.source = "original";
      else if (!isRoute(image.url)) image.source = "storage";
      image.cached = loaded && fromCache(image.url);
      image.state = loaded ? "loaded" : "failed";
      image.mark();
      state.lastImage = performance.now() - began;
      report();
      settle();
    };
    img.addEventListener("load", () => end(true));
    img.addEventListener("error", () => end(false));
  });
  image.mark();
  img.src = image.url;
  element.append(img, badge);
  state.images.push(image);
  return element;
}

// address is the URL of an image as the page gave it; of a route URL, with the
// visit's number. A signed one stays as it is, so that it is the same at each visit.
function address(capture, label) {
  const url = new URL(capture.thumbnails?.[label] ?? capture.url, base() + "/");
  if (!isRoute(url) || url.searchParams.has("signature")) return url.href;
  return `${url.href}${url.search ? "&" : "?"}visit=${state.visit}`;
}

const isRoute = (url) => new URL(url).pathname.startsWith(route);

// fromCache says whether the browser had a file already, as far as it tells.
function fromCache(url) {
  const entry = performance.getEntriesByName(url).at(-1);
  return Boolean(entry) && entry.transferSize === 0 && entry.decodedBodySize > 0;
}

// attribute asks the app which of this visit's thumbnail requests it saw.
async function attribute(visit) {
  const seen = new Set();
  for (const target of await getJSON(`${base()}/demo/thumbnails?visit=${visit}`)) {
    const url = new URL(target, location.origin);
    seen.add(`${parseInt(url.pathname.slice(route.length))} ${url.searchParams.get("label")}`);
    state.thumbnailsAtApp++;
  }
  for (const image of state.images) {
    if (image.source === "open") image.source = seen.has(`${image.capture} ${image.label}`) ? "app" : "proxy";
    image.mark();
  }
}

// watchCounters follows the app's counters, by way of the address that the images
// do not use: a browser opens six connections to one, and a stream holds one.
function watchCounters() {
  const other = config[state.via === "app" ? "proxy" : "app"] || base();
  if (stream?.from === other) return;
  stream?.close();
  stream = new EventSource(other + "/demo/counters");
  stream.from = other;
  stream.onmessage = (event) => { counters = JSON.parse(event.data); report(); };
}

// remember keeps what this load took, to stand beside one on the other way.
function remember() {
  const runs = JSON.parse(sessionStorage.runs || "{}");
  const failed = state.images.filter((image) => image.source === "failed").length;
  runs[state.via] = { images: state.images.length, failed, thumbnails: state.thumbnailsAtApp, time: state.lastImage };
  sessionStorage.runs = JSON.stringify(runs);
}

const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

function report() {
  const settled = state.images.filter((image) => image.state);
  const cached = settled.filter((image) => image.cached).length;
  const reached = state.complete ? state.thumbnailsAtApp : Math.max(0, (counters?.thumbnail ?? 0) - before.thumbnail);
  $("reached").textContent = reached;
  state.originals = state.images.filter((image) => image.source === "original").length;
  $("originals").textContent = state.originals;
  document.querySelector(".lead").classList.toggle("busy", reached > 0);
  $("time").textContent = settled.length ? seconds(state.lastImage) : "–";
  $("progress").textContent = state.complete
    ? `all ${settled.length} images${cached ? `, ${cached} cached by the browser` : ""}`
    : state.error ? "failed" : `${settled.length} of ${state.images.length || "…"} images`;
  document.documentElement.dataset.complete = state.complete;
  reportSources();
  reportApp();
  reportRuns();
}

function reportSources() {
  const tally = {};
  for (const image of state.images) tally[image.source] = (tally[image.source] ?? 0) + 1;
  const always = ["storage", "proxy", "app"];
  const shown = Object.keys(names).filter((source) => tally[source] || always.includes(source));
  $("bar").replaceChildren(...shown.filter((source) => source !== "open" && tally[source]).map((source) => {
    const part = document.createElement("i");
    part.dataset.source = source;
    part.style.width = `calc(${100 * tally[source] / state.images.length}% - 2px)`;
    return part;
  }));
  $("legend").replaceChildren(...shown.map((source) => {
    const entry = document.createElement("li");
    entry.dataset.source = source;
    entry.textContent = `${names[source]} ${tally[source] ?? 0}`;
    return entry;
  }));
}

function reportApp() {
  if (!counters) return;
  $("total").textContent = counters.thumbnail;
  if (!state.complete) reportView();
  state.serving = counters.serving;
  $("workers").replaceChildren(...counters.serving.map((kind, n) => {
    const worker = document.createElement("li");
    worker.dataset.serving = kind;
    worker.textContent = kind || "idle";
    worker.title = `worker ${n + 1}: ${kind ? `serves a ${kind}` : "idle"}`;
    return worker;
  }));
  $("busy").textContent = `${counters.busy} busy, ${counters.waiting} waiting, ${counters.renders} rendered`;
}

// reportView tells what the app did while this view was loaded.
function reportView() {
  state.pagesAtApp = Math.max(0, counters.page - before.page);
  $("pages-asked").textContent = state.pagesAtApp;
  state.peak = { busy: Math.max(state.peak.busy, counters.busy), waiting: Math.max(state.peak.waiting, counters.waiting) };
  $("peak").textContent = `busiest in this view: ${state.peak.busy} of ${counters.workers}, ${state.peak.waiting} waiting`;
}

function reportRuns() {
  const runs = JSON.parse(sessionStorage.runs || "{}");
  document.querySelector("#runs tbody").replaceChildren(...[["proxy", "through thumbedge"], ["app", "straight to the app"]].map(([via, name]) => {
    const run = runs[via];
    const row = document.createElement("tr");
    row.insertCell().outerHTML = `<th scope="row">${name}</th>`;
    row.insertCell().textContent = run ? `${run.thumbnails} of ${run.images}` : "–";
    row.insertCell().textContent = run ? seconds(run.time) + (run.failed ? `, ${run.failed} failed` : "") : "–";
    return row;
  }));
}

function openBox(index) {
  const capture = captures[opened = (index + captures.length) % captures.length];
  $("box-image").src = address(capture, "medium");
  $("box-image").alt = `Capture ${capture.id}`;
  $("box-caption").textContent = `Capture ${capture.id} · ${capture.deployment?.name ?? ""} · ${(capture.timestamp ?? "").replace("T", " ")} · ${capture.size_display}`;
  if (!$("box").open) $("box").showModal();
}

function watchBox() {
  $("box-previous").addEventListener("click", () => openBox(opened - 1));
  $("box-next").addEventListener("click", () => openBox(opened + 1));
  $("box").addEventListener("click", (event) => { if (event.target === $("box")) $("box").close(); });
  $("box").addEventListener("close", () => document.querySelectorAll(".pictures")[opened]?.focus());
  $("box").addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") openBox(opened - 1);
    if (event.key === "ArrowRight") openBox(opened + 1);
  });
}

start().catch((error) => {
  state.error = String(error);
  $("problem").textContent = `The demo's configuration could not be read: ${error.message}`;
  $("problem").hidden = false;
});
