/* Dialogs, copying and the pointer on load curves, in the operator admin. */
(() => {
  "use strict";

  // The tokens have their dark colours in a media rule; here the switch of the admin decides, not the system.
  const root = document.documentElement;
  const darkRules = [...document.styleSheets]
    .filter((sheet) => (sheet.href || "").includes("/css/tokens"))
    .flatMap((sheet) => [...sheet.cssRules])
    .filter((rule) => rule instanceof CSSMediaRule && rule.conditionText.includes("prefers-color-scheme: dark"));
  const followTheme = () => {
    const isDark = root.classList.contains("dark");
    darkRules.forEach((rule) => { rule.media.mediaText = isDark ? "all" : "not all"; });
    root.style.colorScheme = isDark ? "dark" : "light";
  };
  new MutationObserver(followTheme).observe(root, { attributes: true, attributeFilter: ["class"] });
  followTheme();

  // Commands: the form comes into the page's dialog, is sent from there, and its outcome shows there.
  document.addEventListener("htmx:afterSwap", (event) => {
    const dialog = event.target.closest("dialog");
    if (dialog && !dialog.open) dialog.showModal();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close-dialog]")) event.target.closest("dialog").close();
    if (event.target.matches("dialog")) event.target.close();
    const opener = event.target.closest("[data-dialog]");
    if (opener) document.getElementById(opener.dataset.dialog).showModal();
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = document.getElementById(button.dataset.copy).textContent.trim();
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(document.getElementById(button.dataset.copy));
      window.getSelection().removeAllRanges();
      window.getSelection().addRange(range);
      return;
    }
    const word = button.textContent;
    button.textContent = button.dataset.copied;
    window.setTimeout(() => { button.textContent = word; }, 1500);
  });

  // The reading nearest to the pointer, told beside the curve.
  document.addEventListener("pointermove", (event) => {
    const svg = event.target.closest?.("svg.cp-chart");
    if (!svg) return;
    const spots = [...svg.querySelectorAll(".cp-spot")];
    if (!spots.length) return;
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const nearest = spots.reduce((best, spot) => (
      Math.abs(spot.dataset.x - place.x) < Math.abs(best.dataset.x - place.x) ? spot : best));
    spots.forEach((spot) => spot.classList.toggle("cp-spot--near", spot === nearest));
    const reading = document.getElementById(svg.dataset.reading);
    if (reading) reading.textContent = nearest.dataset.text;
  });
})();
