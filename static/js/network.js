/* The filter of "Network now": by state, location and text; kept in the page's address. */
(() => {
  "use strict";

  const form = document.getElementById("network-filter");
  if (!form) return;
  const chosen = new Set();
  const search = new URLSearchParams(window.location.search);

  const fits = (tile) => (chosen.size === 0 || chosen.has(tile.dataset.group))
    && tile.dataset.text.includes(form.elements.text.value.trim().toLowerCase());

  const apply = () => {
    let shown = 0;
    document.querySelectorAll(".cp-location").forEach((section) => {
      const wanted = form.elements.location.value;
      const here = !wanted || section.dataset.location === wanted;
      let inside = 0;
      section.querySelectorAll(".cp-tile").forEach((tile) => {
        tile.hidden = !(here && fits(tile));
        if (!tile.hidden) inside += 1;
      });
      section.hidden = inside === 0;
      shown += inside;
    });
    document.getElementById("network-nothing").hidden = shown > 0;
  };

  const remember = () => {
    const address = new URLSearchParams();
    if (chosen.size) address.set("state", [...chosen].join(","));
    if (form.elements.location.value) address.set("location", form.elements.location.value);
    if (form.elements.text.value) address.set("text", form.elements.text.value);
    const query = address.toString();
    window.history.replaceState(null, "", query ? `?${query}` : window.location.pathname);
  };

  const press = (button, on) => {
    button.setAttribute("aria-pressed", String(on));
    if (on) chosen.add(button.dataset.group);
    else chosen.delete(button.dataset.group);
  };

  const changed = () => { remember(); apply(); };

  form.querySelectorAll("[data-group]").forEach((button) => {
    if ((search.get("state") || "").split(",").includes(button.dataset.group)) press(button, true);
    button.addEventListener("click", () => { press(button, button.getAttribute("aria-pressed") !== "true"); changed(); });
  });
  form.elements.location.value = search.get("location") || "";
  form.elements.text.value = search.get("text") || "";
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("network-clear").addEventListener("click", () => {
    form.reset();
    form.querySelectorAll("[data-group]").forEach((button) => press(button, false));
    changed();
  });
  document.addEventListener("live:swapped", apply);
  apply();
})();
