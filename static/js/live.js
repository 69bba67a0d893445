/* Live pages: <body data-live="/live/<topic>/"> opens a WebSocket; each HTML fragment that comes swaps the
   element of its id. A fragment without a place goes into the element named by its data-live-parent. */
(() => {
  "use strict";

  const FIRST_PAUSE_MS = 500;
  const LONGEST_PAUSE_MS = 15000;
  const GIVE_UP_CODES = [4403, 4404];

  const showState = (state) => {
    document.querySelectorAll("[data-live-sign]").forEach((sign) => {
      sign.dataset.state = state;
      sign.textContent = state === "live" ? sign.dataset.liveText : sign.dataset.reconnectingText;
    });
  };

  const openDetails = (element) => [...element.querySelectorAll("details[id]")].filter((d) => d.open).map((d) => d.id);

  const place = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html.trim();
    const fresh = template.content.firstElementChild;
    if (!fresh || !fresh.id) return null;
    const old = document.getElementById(fresh.id);
    if (old) {
      if (old.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) return null;
      const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
      const open = openDetails(old);
      old.replaceWith(fresh);
      open.forEach((id) => { const details = document.getElementById(id); if (details) details.open = true; });
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    } else {
      const parent = document.getElementById(fresh.dataset.liveParent || "");
      if (!parent) return null;
      parent.append(fresh);
    }
    if (window.htmx) window.htmx.process(fresh);
    return fresh;
  };

  const receive = (event) => {
    const message = JSON.parse(event.data);
    const placed = (message.fragments || []).map(place).filter(Boolean);
    document.dispatchEvent(new CustomEvent("live:swapped", { detail: { elements: placed } }));
  };

  const connect = (path, pause) => {
    const scheme = window.location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${window.location.host}${path}`);
    let wait = pause;
    socket.addEventListener("open", () => { wait = FIRST_PAUSE_MS; showState("live"); });
    socket.addEventListener("message", receive);
    socket.addEventListener("close", (event) => {
      showState("reconnecting");
      if (GIVE_UP_CODES.includes(event.code)) return;
      // every page coming back in the same moment would be a storm of our own making
      window.setTimeout(() => connect(path, Math.min(wait * 2, LONGEST_PAUSE_MS)), wait * (0.5 + Math.random()));
    });
    window.addEventListener("pagehide", () => socket.close(), { once: true });
  };

  const begin = () => {
    document.querySelectorAll("[data-live]").forEach((element) => connect(element.dataset.live, FIRST_PAUSE_MS));
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
  // a page brought back from the browser's memory has lost its socket
  window.addEventListener("pageshow", (event) => { if (event.persisted) begin(); });
})();
