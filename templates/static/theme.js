// Runs before the page is painted: the chosen theme, and the sign that script is there.
(() => {
  const root = document.documentElement;
  root.classList.add("nb-on");
  let chosen = new URLSearchParams(location.search).get("theme");
  try { chosen ??= localStorage.getItem("nbdash-theme"); } catch { /* storage may be refused */ }
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
})();
