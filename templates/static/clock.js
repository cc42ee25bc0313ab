// Moments in the viewer's own clock, and how long ago they were by the server's.
let offset = 0; // server minus browser, in milliseconds

export function learnClock(response) {
  const date = Date.parse(response.headers.get("date") ?? "");
  if (!Number.isNaN(date) && Math.abs(date - Date.now()) > 5000) offset = date - Date.now();
}

export const now = () => Date.now() + offset;

export function duration(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function ago(seconds) {
  if (seconds < 45) return "just now";
  for (const [unit, size] of [["day", 86400], ["h", 3600], ["min", 60]]) {
    const count = Math.floor((seconds + (unit === "min" ? 15 : 0)) / size);
    if (count >= 1) return `${count} ${unit}${unit === "day" && count > 1 ? "s" : ""} ago`;
  }
  return "1 min ago";
}

function showClock(element) {
  const at = new Date(element.dateTime);
  const isToday = at.toDateString() === new Date(now()).toDateString();
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const format = isToday ? time : { ...time, day: "numeric", month: "short", year: "numeric" };
  element.textContent = new Intl.DateTimeFormat(document.documentElement.lang, format).format(at);
  element.title = new Intl.DateTimeFormat(document.documentElement.lang, {
    dateStyle: "full", timeStyle: "long",
  }).format(at);
}

export function showTimes(root = document) {
  root.querySelectorAll("time[data-clock]").forEach(showClock);
  root.querySelectorAll("[data-age]").forEach((element) => {
    element.textContent = ` · ${ago((now() - Date.parse(element.dataset.age)) / 1000)}`;
  });
}
