// Put into every document before its own script: payloads call X, escapes call L, both tell the test what they could.
(() => {
  const tell = (kind, detail) => console.debug("xss " + JSON.stringify({ kind, isTop: self === top, origin: self.origin, ...detail }));

  self.X = (id) => {
    let reaches = false;
    if (self !== top) try { reaches = Boolean(parent.document); } catch { /* as it should be */ }
    tell("ran", { id, reaches });
    return "";
  };
  self.L = (id, value) => tell("leaked", { id, value: String(value).slice(0, 200) });

  // --- what a visitor's hands do ---

  const EVENTS = ["mouseover", "mouseenter", "pointerenter", "pointerover", "focus", "focusin", "toggle", "blur"];

  self.provoke = () => {
    const isOurs = Boolean(document.querySelector(".nb-main, .nb-card"));
    for (const element of document.querySelectorAll("*")) {
      for (const name of EVENTS) element.dispatchEvent(new Event(name, { bubbles: name.endsWith("over") }));
      const isLink = element.matches("a, area, button, [onclick], [type=image], [type=submit]");
      const leadsAway = /^(https?:|mailto:)/.test(element.getAttribute("href") ?? "");
      if (isLink && !(isOurs && (leadsAway || !element.closest(".nb-html, .nb-text, .nb-note")))) {
        try { element.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true })); } catch { /* gone */ }
      }
    }
  };
  if (self !== top) addEventListener("load", () => setTimeout(self.provoke));

  // --- what stands in a page of nbdash's own ---

  const loaded = new WeakSet();
  document.addEventListener("load", (event) => loaded.add(event.target), true);
  self.waitForFrames = async () => {
    const waiting = () => [...document.querySelectorAll("iframe")].filter((frame) => !loaded.has(frame));
    for (let turn = 0; turn < 600 && waiting().length; turn += 1) {
      for (const frame of waiting()) frame.loading = "eager";
      waiting()[0]?.scrollIntoView();
      await new Promise((resolve) => { setTimeout(resolve, 100); });
    }
    return waiting().map((frame) => `did not load: ${frame.src} ${frame.contentWindow?.length} ${frame.style.height}`);
  };

  const isOwn = (url) => new URL(url, location.href).origin === location.origin && location.protocol !== "file:";
  const isStatic = (url) => isOwn(url) && new URL(url, location.href).pathname.startsWith("/-/static/");
  const LINK = /^(https?:\/\/|mailto:|#)/i;
  const PICTURE = /^data:image\/(png|jpeg);base64,[A-Za-z0-9+/=]*$/;
  const RULES = {
    script: (element) => isStatic(element.getAttribute("src") ?? "x:") && !element.textContent,
    link: (element) => isStatic(element.getAttribute("href") ?? "x:") && element.closest("head"),
    style: (element) => location.protocol === "file:" && element.closest("head") && !element.attributes.length,
    meta: (element) => !element.httpEquiv || (location.protocol === "file:" && element.closest("head")),
    base: () => false, object: () => false, embed: () => false, frame: () => false, template: () => false,
    video: () => false, audio: () => false, math: () => false, canvas: () => false, textarea: () => false,
    svg: (element) => !element.closest(".nb-html"),
    form: (element) => element.method === "dialog" || (isOwn(element.action) && element.matches("[data-rerun], [data-cancel], .nb-form")),
    button: (element) => !element.closest(".nb-html") && !element.hasAttribute("formaction"),
    input: (element) => !element.closest(".nb-html") && element.type !== "image",
    img: (element) => !element.hasAttribute("src") || element.id === "viewer-image" || PICTURE.test(element.src) || isOwn(element.src),
    a: (element) => !element.hasAttribute("ping") && !element.hasAttribute("target")
      && (!element.hasAttribute("href") || LINK.test(element.getAttribute("href")) || isOwn(element.href)),
    iframe: (element) => element.className === "nb-frame" && element.getAttribute("sandbox") === "allow-scripts"
      && (location.protocol === "file:" || /^\/d\/[a-z0-9-]+\/runs\/[0-9a-f]+\/frames\/[0-9a-f]{64}$/.test(new URL(element.src).pathname)),
  };
  const isHarmless = ({ name }, element) => !name.startsWith("on")
    && !["srcset", "background", "xlink:href", "autofocus", "popovertarget"].includes(name)
    && (name !== "style" || element.matches(".nb-frame"))
    && (!["id", "name", "class"].includes(name) || !element.closest(".nb-html") || element.matches(".nb-html")
      || (name === "class" && /^((dataframe|data|blank|index_name|(row|col)_heading|(level|row|col)\d+) ?)+$/.test(element.className)));

  self.troubles = () => {
    const found = [];
    const ids = new Set();
    for (const element of document.querySelectorAll("*")) {
      const shown = element.cloneNode(false).outerHTML.slice(0, 200);
      if (!(RULES[element.localName]?.(element) ?? true) || element.shadowRoot) found.push(shown);
      found.push(...[...element.attributes].filter((each) => !isHarmless(each, element)).map((each) => `${each.name}: ${shown}`));
      if (element.id && ids.has(element.id)) found.push(`twice: ${shown}`);
      ids.add(element.id);
    }
    return found;
  };
})();
