// What every page has: ages, theme, copying, printing, the viewer of figures, keys.
import { showTimes } from "./clock.js";
import { toast } from "./toast.js";

const $ = (selector, root = document) => root.querySelector(selector);
const root = document.documentElement;

// --- theme ---

function toggleTheme() {
  const isDark = (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  root.dataset.theme = isDark ? "light" : "dark";
  try { localStorage.setItem("nbdash-theme", root.dataset.theme); } catch { /* for this page only */ }
}

// --- links ---

async function copy(text) {
  if (navigator.clipboard) {
    try { await navigator.clipboard.writeText(text); return true; } catch { /* the old way, then */ }
  }
  const field = document.createElement("textarea"); // plain http has no clipboard
  field.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

async function copyLink(target) {
  const url = new URL(target === "?" ? location.search || location.pathname : target, location.href);
  if (target === "?") url.hash = "";
  toast(await copy(url.href) ? "Link copied" : url.href);
}

// --- the viewer ---

const viewer = $("#viewer");
let shown = 0;
const figures = () => [...document.querySelectorAll(".nb-card .nb-figure")];

function showFigure(index) {
  const all = figures();
  if (!all.length) return;
  shown = (index + all.length) % all.length;
  const figure = all[shown];
  const picture = $("img", figure);
  $("#viewer-image").src = picture.src;
  $("#viewer-image").alt = picture.alt;
  $("#viewer-title").textContent = figure.dataset.title;
  $("#viewer-count").textContent = all.length > 1 ? `${shown + 1} of ${all.length}` : "";
  const link = $("#viewer-download");
  link.href = $("a.nb-zoom", figure)?.href ?? picture.src;
  link.download = `${figure.dataset.figure}.png`;
  if (!viewer.open) viewer.showModal();
}

function expand(element) {
  const figure = element.closest(".nb-card")?.querySelector(".nb-figure");
  showFigure(Math.max(0, figures().indexOf(element.closest(".nb-figure") ?? figure)));
}

// --- finding a card ---

const finder = $("#finder");

function findCards() {
  const words = $("#finder-text").value.toLowerCase().trim();
  const list = $("#finder-list");
  list.replaceChildren();
  for (const title of document.querySelectorAll(".nb-card-title")) {
    if (!title.textContent.toLowerCase().includes(words)) continue;
    const link = document.createElement("a");
    link.href = `#${title.closest(".nb-card").id}`;
    link.textContent = title.textContent;
    const item = document.createElement("li");
    item.append(link);
    list.append(item);
  }
}

function openFinder() {
  $("#finder-text").value = "";
  findCards();
  finder.showModal();
}

// --- keys ---

const keysAreOn = () => {
  try { return localStorage.getItem("nbdash-keys") !== "off"; } catch { return true; }
};

const KEYS = {
  "?": () => $("#help")?.showModal(),
  "/": () => finder && openFinder(),
  f: () => viewer && showFigure(Math.max(0, figures().indexOf(document.activeElement.closest?.(".nb-figure")))),
  r: () => $("#rerun")?.click(),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (viewer?.open && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
    showFigure(shown + (event.key === "ArrowLeft" ? -1 : 1));
    return;
  }
  const field = event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
  const isTyping = field?.offsetParent; // a closed dialog may still have the focus for a moment
  if (isTyping || $("dialog[open]") || !keysAreOn() || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
}

// --- clicks ---

const CLICKS = [
  ["[data-theme-toggle]", toggleTheme],
  ["[data-copy]", (element) => copyLink(element.dataset.copy)],
  ["[data-print]", () => print()],
  ["[data-help]", () => $("#help").showModal()],
  ["[data-close]", (element) => element.closest("dialog").close()],
  ["[data-step]", (element) => showFigure(shown + Number(element.dataset.step))],
  ["[data-expand]", expand],
  ["#finder-list a", () => finder.close()],
];

function onClick(event) {
  for (const menu of document.querySelectorAll("details.nb-menu[open]")) {
    if (!menu.contains(event.target) || event.target.closest(".nb-sheet")) menu.open = false;
  }
  const zoom = event.target.closest("a.nb-zoom");
  if (zoom && viewer && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    expand(zoom);
    return;
  }
  for (const [selector, act] of CLICKS) {
    const element = event.target.closest(selector);
    if (element) { act(element); return; }
  }
  if (event.target.matches("dialog")) event.target.close(); // the backdrop
}

document.addEventListener("click", onClick);
document.addEventListener("keydown", onKey);
$("#finder-text")?.addEventListener("input", findCards);
$("#finder-text")?.addEventListener("keydown", (event) => {
  if (event.key === "Escape") finder.close(); // a search field would only clear itself
  if (event.key === "Enter") { event.preventDefault(); $("#finder-list a")?.click(); }
});
const keys = $("#keys");
if (keys) {
  keys.checked = keysAreOn();
  keys.addEventListener("change", () => {
    try { localStorage.setItem("nbdash-keys", keys.checked ? "on" : "off"); } catch { /* for this page only */ }
  });
}
document.querySelectorAll("[data-address]").forEach((element) => { element.textContent = location.href; });
showTimes();
setInterval(() => showTimes(), 15_000);
