// A dashboard that follows its runs: progress, each card as it is made, and what others started.
import { duration, learnClock, now, showTimes } from "./clock.js";
import { toast } from "./toast.js";

const $ = (selector, root = document) => root.querySelector(selector);
const dashboard = $("[data-live]");
const IDLE_SECONDS = 20;
const WAIT_SECONDS = 20;
const sleep = (seconds) => new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });

let following = null; // id of the run under way
let lastContact = Date.now();

// --- asking the server ---

async function ask(url, options = {}) {
  const response = await fetch(url, { cache: "no-cache", ...options });
  learnClock(response);
  lastContact = Date.now();
  showOffline();
  if (!response.ok) {
    const answer = await response.json().catch(() => null);
    throw Object.assign(new Error(answer?.error?.message ?? `The server answered ${response.status}.`), { isRefusal: true });
  }
  return response;
}

const askJson = async (url, options) => (await ask(url, { headers: { Accept: "application/json" }, ...options })).json();

function showOffline() {
  const minutes = Math.floor((Date.now() - lastContact) / 60_000);
  const isOffline = Date.now() - lastContact > 30_000;
  document.documentElement.classList.toggle("nb-offline", isOffline);
  if (isOffline) toast(minutes ? `Offline for ${minutes} min` : "Offline");
}

// --- swapping what is new in ---

const isSame = (one, other) => one.outerHTML.replace(/ data-run="[^"]*"|\/runs\/[0-9a-f]+/g, "")
  === other.outerHTML.replace(/ data-run="[^"]*"|\/runs\/[0-9a-f]+/g, "");

async function swap(old, fresh) {
  await Promise.allSettled([...fresh.querySelectorAll("img[src^='data:']")].map((image) => image.decode()));
  if (!isSame(old, fresh)) fresh.classList.add("nb-arrived");
  const hadFocus = old.contains(document.activeElement) && document.activeElement.dataset;
  old.replaceWith(fresh);
  if (hadFocus) $("button, a", fresh)?.focus({ preventScroll: true });
}

function rebase(element, base) {
  for (const name of ["href", "src"]) {
    for (const holder of element.querySelectorAll(`[${name}]`)) {
      const value = holder.getAttribute(name);
      if (!/^(#|[a-z]+:)/i.test(value)) holder.setAttribute(name, new URL(value, base).pathname);
    }
  }
  return element;
}

async function showCard(runId, name) {
  const old = document.getElementById(`card-${name}`);
  if (!old) return;
  const response = await ask(`${dashboard.dataset.runs}/${runId}/cards/${encodeURIComponent(name)}`);
  const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = rebase($(".nb-card", parsed), response.url);
  if (!fresh.querySelector(".nb-figure, .nb-html, .nb-text, .nb-frame, .nb-note")) return;
  fresh.className = old.className; // its place in the grid
  await swap(old, document.adoptNode(fresh));
}

async function refresh() {
  const response = await ask(location.href);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const id of ["state", "notices"]) {
    document.getElementById(id).replaceWith(document.adoptNode(page.getElementById(id)));
  }
  const fresh = page.querySelector("[data-live]");
  const cardsOf = (root) => [...root.querySelectorAll(".nb-card")];
  const names = (root) => cardsOf(root).map((card) => card.id).join();
  if (names(fresh) === names(dashboard)) {
    const old = cardsOf(dashboard);
    const changed = cardsOf(fresh).map((card, index) => [old[index], card]);
    await Promise.all(changed.map(([before, after]) => swap(before, document.adoptNode(after))));
  } else {
    dashboard.replaceChildren(...fresh.childNodes);
  }
  for (const key of ["run", "active", "state"]) dashboard.dataset[key] = fresh.dataset[key];
  showTimes();
}

// --- progress ---

const strip = $("#progress");
const label = $(".nb-strip-label", strip);

function showProgress(run) {
  strip.hidden = run.state !== "queued" && run.state !== "running";
  $("form", strip).action = `${dashboard.dataset.runs}/${run.id}/cancel`;
  const bar = $("progress", strip);
  const progress = run.progress;
  if (!progress) {
    bar.removeAttribute("value");
    label.textContent = "Waiting to start";
  } else {
    bar.max = progress.of;
    bar.value = progress.cell - 1;
    label.textContent = `${progress.cell} of ${progress.of} · ${progress.title}`;
  }
  label.dataset.since = progress?.started_at ?? "";
  label.dataset.usual = progress?.usual_seconds ?? "";
  showSeconds();
}

function showSeconds() {
  const { since, usual } = label.dataset;
  const parts = since ? [duration((now() - Date.parse(since)) / 1000)] : [];
  if (Number(usual) >= 1) parts.push(`(usually ${duration(Number(usual))})`);
  $(".nb-strip-time", strip).textContent = parts.join(" ");
}

function setBusy(isBusy) {
  const button = $("#rerun");
  if (button) { button.classList.toggle("nb-busy", isBusy); button.setAttribute("aria-disabled", String(isBusy)); }
  const chip = $("#state .nb-chip");
  if (isBusy && chip && !chip.classList.contains("nb-is-running")) {
    chip.className = "nb-chip nb-is-running";
    chip.replaceChildren($(".nb-icon-spinner", strip).cloneNode(true), "Running");
  }
}

const SENTENCES = {
  succeeded: "The run has finished; new results are shown.",
  failed: "The run failed; the last good results are still shown.",
  lost: "The run was lost; the last good results are still shown.",
  cancelled: "The run was cancelled.",
};

const announce = (text) => { $("#announcer").textContent = text; };

async function follow(runId) {
  if (following) return;
  following = runId;
  announce("This dashboard is being rerun.");
  let after = 0;
  for (;;) {
    try {
      const asked = Date.now();
      const url = `${dashboard.dataset.runApi}${runId}?after=${after}&wait=${WAIT_SECONDS}&png=0`;
      const { run, events, next } = await askJson(url);
      after = next;
      setBusy(true);
      showProgress(run);
      for (const event of events) if (event.kind === "cell_end" && event.card) await showCard(runId, event.card);
      if (!["queued", "running"].includes(run.state)) {
        await refresh();
        announce(SENTENCES[run.state] ?? "");
        break;
      }
      if (!events.length && Date.now() - asked < 1000) await sleep(2); // no place to wait was free
    } catch (error) {
      if (error.isRefusal) { toast(error.message); break; }
      await sleep(5);
      showOffline();
    }
  }
  strip.hidden = true;
  setBusy(false);
  following = null;
  if (dashboard.dataset.active && dashboard.dataset.active !== runId) follow(dashboard.dataset.active);
}

// --- acts ---

async function post(form) {
  return askJson(form.action, {
    method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" },
  });
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-rerun], [data-cancel]");
  if (!form) return;
  event.preventDefault();
  if (form.matches("[data-rerun]") && following) return;
  try {
    const run = await post(form);
    if (form.matches("[data-rerun]")) { showProgress(run); setBusy(true); follow(run.id); }
  } catch (error) {
    toast(error.isRefusal ? error.message : "The server cannot be reached; try again in a moment.");
  }
});

// --- what others started, and what time it is there ---

async function look() {
  if (following || document.hidden) return;
  try {
    const { state, current_run: current } = await askJson(dashboard.dataset.api);
    if (current === (dashboard.dataset.run || null) && state === dashboard.dataset.state) return;
    await refresh();
    if (dashboard.dataset.active) follow(dashboard.dataset.active);
  } catch { showOffline(); }
}

if (dashboard.dataset.active) follow(dashboard.dataset.active);
setInterval(showSeconds, 1000);
setInterval(look, IDLE_SECONDS * 1000);
document.addEventListener("visibilitychange", look);
