// What the pages do beyond links and forms. Everything here is an extra: without it
// lists and actions still work.
"use strict";

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const base = document.body.dataset.base;

// Times: relative, kept up to date, with the exact instant in the viewer's zone on hover.

const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

function span(seconds) {
  for (const [name, size] of units) if (seconds >= size) return `${Math.floor(seconds / size)} ${name}`;
  return "";
}

function tellTimes() {
  for (const t of $$("time[datetime]:not([data-clock])")) {
    const at = new Date(t.dateTime), seconds = (Date.now() - at) / 1000, size = span(Math.abs(seconds));
    const text = !size ? "now" : seconds < 0 ? `in ${size}` : `${size} ago`;
    if (t.textContent !== text) t.textContent = text;
    if (!t.title) t.title = exact.format(at);
  }
}

// Charts: uPlot over the data of a figure, drawn anew when these change.

const drawn = new WeakMap();
const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function resolve(value) { // light-dark() has to be computed by the browser
  const probe = document.createElement("i");
  probe.style.color = value;
  document.body.append(probe);
  const out = getComputedStyle(probe).color;
  probe.remove();
  return out;
}

function draw(el) {
  const old = drawn.get(el), key = el.dataset.chart + (document.documentElement.dataset.theme || "") + el.clientWidth;
  if (old?.key === key) return;
  const { times, lines, unit } = JSON.parse(el.dataset.chart);
  const soft = resolve(color("--soft")), grid = { stroke: resolve(color("--line")), width: 1 };
  const format = v => v == null ? "–" : unit === "s" ? (v < 1 ? `${+(v * 1000).toPrecision(3)} ms` : `${+v.toPrecision(3)} s`) : `${+v.toPrecision(3)}`;
  const options = {
    width: el.clientWidth, height: el.clientHeight, cursor: { y: false }, legend: { show: false },
    axes: [
      { stroke: soft, size: 30, grid: { show: false }, ticks: grid, values: [[86400, "{MMM} {DD}"], [3600, "{HH}:{mm}"], [60, "{HH}:{mm}"], [1, "{HH}:{mm}:{ss}"]].map(([incr, fmt]) => [incr, fmt, null, null, null, null, null, null, 1]) },
      { stroke: soft, grid, ticks: { show: false }, size: 58, values: (_, all) => all.map(format) },
    ],
    scales: { y: { range: (_, low, high) => [0, Math.max(high * 1.1, unit === "s" ? 0.001 : 1)] } },
    series: [{}, ...lines.map(l => ({ label: l.name, stroke: resolve(color(l.color)), width: 1.5, spanGaps: true, points: { show: false }, fill: l.fill ? resolve(color(l.color)).replace("rgb(", "rgba(").replace(")", ", .12)") : undefined }))],
    hooks: {
      setCursor: [u => {
        const n = u.cursor.idx;
        $$("output b", el.closest("figure")).forEach((b, k) => { b.textContent = n == null ? "" : format(lines[k].values[n]); });
      }],
    },
  };
  old?.plot.destroy();
  el.replaceChildren();
  drawn.set(el, { key, plot: new uPlot(options, [times, ...lines.map(l => l.values)], el) });
}

function drawAll() { if (window.uPlot) $$(".chart[data-chart]").forEach(draw); }

// Theme: the system's, light or dark.

function showTheme() { const s = $("[data-theme-switch] span"); if (s) s.textContent = document.documentElement.dataset.theme || "system"; }

function switchTheme() {
  const order = ["", "light", "dark"], root = document.documentElement;
  const next = order[(order.indexOf(root.dataset.theme || "") + 1) % order.length];
  if (next) { root.dataset.theme = next; localStorage.setItem("legwork-theme", next); }
  else { delete root.dataset.theme; localStorage.removeItem("legwork-theme"); }
  showTheme();
  drawAll();
}

// Rows: a table whose rows can be walked through, opened, selected and retried.

let current = null;
const rows = () => $$("main tbody tr[data-row]");

function walk(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex(r => r.dataset.row === current);
  const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + step))];
  current = next.dataset.row;
  markRow();
  next.scrollIntoView({ block: "nearest" });
}

function markRow() { for (const r of rows()) r.classList.toggle("at", r.dataset.row === current); }
const currentRow = () => rows().find(r => r.dataset.row === current);

// Places: what the palette can go to.

function places(text) {
  const all = $$(".side nav a").map(a => ({ name: a.textContent, href: a.href }));
  const found = all.filter(p => p.name.toLowerCase().includes(text.toLowerCase()));
  if (text) found.push({ name: `Job ${text}`, href: `${base}jobs/${encodeURIComponent(text)}` }, { name: `Search jobs for “${text}”`, href: `${base}jobs?q=${encodeURIComponent(text)}` });
  return found.slice(0, 12);
}

let choice = 0;

function showPlaces() {
  const list = $("#palette ul"), found = places($("#palette input").value.trim());
  choice = Math.max(0, Math.min(choice, found.length - 1));
  list.replaceChildren(...found.map((p, n) => {
    const li = document.createElement("li");
    li.role = "option";
    li.textContent = p.name;
    li.dataset.href = p.href;
    li.setAttribute("aria-selected", n === choice);
    return li;
  }));
}

const goTo = li => { if (li) location.href = li.dataset.href; };

function openDialog(id) {
  const d = document.getElementById(id);
  if (!d || d.open) return;
  d.showModal();
  if (id === "palette") { choice = 0; $("input", d).value = ""; showPlaces(); }
}

// Events

let leader = 0; // when g was pressed

function onKey(e) {
  if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") { e.preventDefault(); return openDialog("palette"); }
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest?.("input, textarea, select, dialog, [contenteditable]")) return;
  if (Date.now() - leader < 1500) {
    leader = 0;
    const a = $(`.side nav a[data-key="${CSS.escape(e.key)}"]`);
    if (a) location.href = a.href;
    return;
  }
  const row = currentRow();
  switch (e.key) {
    case "g": leader = Date.now(); break;
    case "?": openDialog("help"); break;
    case "/": {
      const search = $("main input[type=search]");
      if (search) search.focus(); else location.href = `${base}jobs`;
      e.preventDefault();
      break;
    }
    case "j": walk(1); break;
    case "k": walk(-1); break;
    case "Enter": if (row && e.target === document.body) $("a", row)?.click(); break;
    case "x": { const box = row && $("input[type=checkbox]", row); if (box) box.click(); break; }
    case "r": { const b = $$("main input[type=checkbox]:checked").length ? $("[data-retry-selected]") : row && $("[data-retry]", row); (b || $("main [data-retry]:only-of-type"))?.click(); break; }
  }
}

async function copy(button) {
  const text = button.dataset.copy.replaceAll("$LEGWORK_API_URL", location.origin);
  const was = button.textContent;
  try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; } catch { button.textContent = "Select and copy it by hand"; }
  setTimeout(() => { button.textContent = was; }, 1500);
}

document.addEventListener("keydown", onKey);
document.addEventListener("click", e => {
  const el = e.target.closest("[data-open], [data-theme-switch], [data-copy], #palette li, [data-select-all]");
  if (!el) return;
  if (el.dataset.open) openDialog(el.dataset.open);
  else if ("themeSwitch" in el.dataset) switchTheme();
  else if ("selectAll" in el.dataset) for (const box of $$(el.dataset.selectAll)) box.checked = el.checked;
  else if (el.matches("#palette li")) goTo(el);
  else copy(el);
});
document.addEventListener("submit", e => {
  const ask = e.submitter?.dataset.ask ?? e.target.dataset.ask;
  if (ask && !confirm(ask)) e.preventDefault();
});
$("#palette input").addEventListener("input", showPlaces);
$("#palette").addEventListener("keydown", e => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
  if (step) { choice += step; showPlaces(); e.preventDefault(); }
  if (e.key === "Enter") { goTo($(`#palette li[aria-selected=true]`)); e.preventDefault(); }
});

// The live stream: a banner while it is lost; times and charts after each change.

const stale = lost => { $("#stale").hidden = !lost; };
document.addEventListener("htmx:sse:error", () => stale(true));
document.addEventListener("htmx:sse:after:connection", () => stale(false));
document.addEventListener("htmx:sse:after:message", () => { stale(false); tellTimes(); drawAll(); markRow(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
addEventListener("resize", drawAll);
setInterval(tellTimes, 1000);
showTheme();
tellTimes();
drawAll();
