// Keeps a page up to date without a flicker, and gives it its keys. Everything else is HTML from the server, and htmx.
"use strict";

(() => {
  const RETRY_MS = 2000;
  const QUIET_MS = 200;
  const REST_MS = 700;
  const EVENTS = ("run_started run_waiting run_paused run_action run_finished iteration_started iteration_finished act_started "
    + "act_finished answer_rejected call_waiting call_failed effect_finished worker_lost").split(" ");
  const byId = (id) => document.getElementById(id);
  const main = () => byId("live");
  let stream = null;
  let streamed = "";
  let timer = 0;
  let pending = 0;
  let dueAt = Infinity;
  let readAt = 0;
  let busy = false;
  let again = false;
  let paused = sessionStorage.getItem("paused") === "yes";

  // ---- notices
  function say(text, kind) {
    const notice = byId("notice");
    notice.className = `notice ${kind || ""}`;
    notice.textContent = text;
  }
  function setAway(text) {
    const away = byId("away");
    if (away.textContent !== text) away.textContent = text;
    away.hidden = text === "";
  }

  // ---- refresh: the page is read again, and only what differs is changed
  async function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { "X-Console-Refresh": "1" }, credentials: "same-origin" });
      if (answer.redirected && new URL(answer.url).pathname === "/login") { location.assign(answer.url); return; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.status >= 500) { setAway(page.querySelector("[data-fault]")?.textContent || "The server has a fault; trying again."); later(RETRY_MS); return; }
      const fresh = page.getElementById("live");
      if (!answer.ok || fresh === null || main() === null) return;
      if (main().hasAttribute("data-fault-page")) { location.reload(); return; }
      setAway("");
      morph(main(), fresh);
      morph(byId("pages"), page.getElementById("pages"));
      document.title = page.title;
      listen();
      schedule();
    } catch {
      setAway("The server does not answer. This page tries again and comes back by itself.");
      later(RETRY_MS);
    } finally {
      busy = false;
      readAt = performance.now();
      if (again) { again = false; later(QUIET_MS); }
    }
  }
  // Many events at once are one reading, and no stream of them can put it off.
  function later(delay) {
    const at = Math.max(performance.now() + delay, readAt + (delay === 0 ? 0 : REST_MS));
    if (at >= dueAt) return;
    clearTimeout(pending);
    dueAt = at;
    pending = setTimeout(() => { dueAt = Infinity; if (!document.hidden) refresh(); }, at - performance.now());
  }
  function soon() {
    if (!paused && !document.hidden) later(QUIET_MS);
  }
  function schedule() {
    clearTimeout(timer);
    const every = Number(main()?.dataset.every || 0);
    if (every > 0 && !paused && !document.hidden) timer = setTimeout(refresh, every * 1000);
  }

  // ---- morph: `from` becomes like `to`; focus, selection, open details and what somebody writes stay
  const keyOf = (node) => (node.nodeType === 1 ? node.id || node.dataset.key || "" : "");
  // htmx reads its attributes once, so that an element with other ones is another element.
  const READ_ONCE = ["hx-post", "hx-get", "hx-target", "hx-trigger", "type"];
  function isSame(a, b) {
    if (a.nodeType !== b.nodeType || a.nodeName !== b.nodeName || keyOf(a) !== keyOf(b)) return false;
    return a.nodeType !== 1 || READ_ONCE.every((name) => a.getAttribute(name) === b.getAttribute(name));
  }
  function morph(from, to) {
    if (from.isEqualNode(to) || from.hasAttribute("data-keep")) return;
    if (isDirty(from)) return;
    for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && name !== "open" && !(name === "class" && from.matches("tr.current"))) from.removeAttribute(name);
    for (const { name, value } of [...to.attributes]) {
      const wanted = name === "class" && from.matches("[data-item].current") ? `${value} current` : value;
      if (from.getAttribute(name) !== wanted) from.setAttribute(name, wanted);
    }
    let at = from.firstChild;
    for (const next of [...to.childNodes]) {
      let match = at;
      if (match === null || !isSame(match, next)) {
        match = null;
        for (let other = at; other !== null; other = other.nextSibling) if (keyOf(next) && isSame(other, next)) { match = other; break; }
      }
      if (match === null) {
        const added = document.importNode(next, true);
        from.insertBefore(added, at);
        if (added.nodeType === 1 && window.htmx) window.htmx.process(added);
        continue;
      }
      if (match !== at) from.insertBefore(match, at);
      if (match.nodeType === 1) morph(match, next);
      else if (match.nodeValue !== next.nodeValue) match.nodeValue = next.nodeValue;
      at = match.nextSibling;
    }
    while (at !== null) {
      const gone = at;
      at = at.nextSibling;
      if (!(gone.nodeType === 1 && (gone.hasAttribute("data-keep") || gone.contains(document.activeElement)))) gone.remove();
      else if (gone.nodeType === 1 && !gone.hasAttribute("data-keep")) { document.activeElement.blur(); gone.remove(); }
    }
  }
  function isDirty(node) {
    if (node === document.activeElement && node.matches("input, textarea, select")) return true;
    if (node.matches("textarea, input")) return node.type === "checkbox" ? node.checked !== node.defaultChecked : node.value !== node.defaultValue;
    return false;
  }

  // ---- events: one stream for everything that the page shows
  function listen() {
    const address = paused || document.hidden ? "" : main()?.dataset.stream || "";
    if (address === streamed && (stream === null || stream.readyState !== EventSource.CLOSED)) return;
    stream?.close();
    stream = null;
    streamed = address;
    if (address === "") return;
    stream = new EventSource(address);
    stream.onmessage = soon;
    for (const name of EVENTS) stream.addEventListener(name, soon);
    stream.addEventListener("end", () => { stream?.close(); soon(); });
    stream.onopen = () => setAway("");
  }
  function setPaused(value) {
    paused = value;
    sessionStorage.setItem("paused", value ? "yes" : "no");
    const button = byId("pause-updates");
    if (button) {
      button.setAttribute("aria-pressed", String(value));
      button.querySelector(".label").textContent = value ? "Resume updates" : "Pause updates";
    }
    listen();
    schedule();
    if (!value) soon();
  }

  // ---- keys
  const isWriting = (target) => target.closest("input, textarea, select, dialog[open]") !== null;
  function items() { return [...document.querySelectorAll("[data-item]")]; }
  function current() { return document.querySelector("[data-item].current"); }
  function choose(step) {
    const all = items();
    if (all.length === 0) return;
    const place = all.indexOf(current());
    const next = all[Math.max(0, Math.min(all.length - 1, place < 0 ? 0 : place + step))];
    current()?.classList.remove("current");
    next.classList.add("current");
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }
  function press(key) {
    const item = current() || items()[0];
    const target = item?.querySelector(`[data-press="${key}"]`);
    if (!target) return false;
    if (target.tagName === "SUMMARY" || target.tagName === "A") { target.click(); item.querySelector("textarea, input")?.focus(); }
    else target.click();
    return true;
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape" && event.target.matches("input, textarea, select")) { event.target.blur(); return; }
    if (isWriting(event.target)) return;
    if (event.key === "j" || event.key === "k") choose(event.key === "j" ? 1 : -1);
    else if (event.key === "?") byId("keys")?.showModal();
    else if (event.key === "p") setPaused(!paused);
    else if (event.key === "/") { const field = document.querySelector("[data-search]"); if (!field) return; field.focus(); }
    else if (!("are".includes(event.key) && event.key.length === 1 && press(event.key))) return;
    event.preventDefault();
  });
  document.addEventListener("focusin", (event) => {
    const item = event.target.closest?.("[data-item]");
    if (item && item !== current()) { current()?.classList.remove("current"); item.classList.add("current"); }
  });
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) byId(opener.dataset.opens)?.showModal();
    if (event.target.closest("[data-closes]")) event.target.closest("dialog")?.close();
    if (event.target.closest("#pause-updates")) setPaused(!paused);
    const clears = event.target.closest("[data-clears]");
    if (clears) byId(clears.dataset.clears).replaceChildren();
  });

  // ---- htmx: forms say what they did, and the page follows
  document.addEventListener("htmx:beforeRequest", () => say("", ""));
  document.addEventListener("htmx:afterRequest", (event) => {
    const answer = event.detail.xhr;
    if (event.detail.successful) {
      if (event.detail.requestConfig.verb !== "get" && !answer.getResponseHeader("X-Console-Preview")) later(0);
      return;
    }
    let text = "The server does not answer; nothing was changed. Try again.";
    if (answer.status === 401) text = "Your session has ended. Log in again; nothing was changed.";
    else if (answer.status > 0) {
      try { text = JSON.parse(answer.responseText).detail || text; } catch { text = `The server answered ${answer.status}.`; }
    }
    say(text, "bad");
  });

  document.addEventListener("visibilitychange", () => {
    listen();
    schedule();
    if (!document.hidden) soon();
  });
  document.addEventListener("DOMContentLoaded", () => {
    setPaused(paused);
    document.querySelector(".pages [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
    if (main()?.hasAttribute("data-fault-page")) later(RETRY_MS);
  });
})();
