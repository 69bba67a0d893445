/* Small helps for drivers' pages; every page works without them. */
(() => {
  "use strict";

  // A fragment that says "go there" (a session that has ended, a start that succeeded) takes the page along.
  const follow = (root) => {
    const sign = root.matches?.("[data-go]") ? root : root.querySelector?.("[data-go]");
    if (sign) window.location.assign(sign.dataset.go);
  };
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node.nodeType === Node.ELEMENT_NODE) follow(node);
    }
  }).observe(document.documentElement, { childList: true, subtree: true });

  // "Nearest first": the position stays in the form's hidden fields and in the address of the list.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-nearest]");
    if (!button) return;
    const form = button.closest("form");
    const sign = document.getElementById(button.dataset.nearest);
    button.disabled = true;
    navigator.geolocation.getCurrentPosition(
      (position) => {
        const { latitude, longitude } = position.coords;
        for (const [name, degrees] of [["lat", latitude], ["lon", longitude]]) {
          form.elements[name].disabled = false;
          form.elements[name].value = degrees.toFixed(5);
        }
        button.disabled = false;
        form.requestSubmit();
      },
      () => {
        button.disabled = false;
        sign.hidden = false;
      },
      { maximumAge: 60000, timeout: 10000 },
    );
  });
  if (!("geolocation" in navigator)) {
    document.querySelectorAll("[data-nearest]").forEach((button) => { button.hidden = true; });
  }

  // A button that asks first, in a dialog of the page.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      event.preventDefault();
      document.getElementById(opener.dataset.dialog).showModal();
    }
    const closer = event.target.closest("[data-close-dialog]");
    if (closer) closer.closest("dialog").close();
  });

  // Demo accounts fill in the login form.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-fill-email]");
    if (!button) return;
    const form = document.querySelector("form[data-login]");
    form.elements.login.value = button.dataset.fillEmail;
    form.elements.password.value = button.dataset.fillPassword;
    form.requestSubmit();
  });

  // One press is one act: a form that has been sent is not sent again.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    window.setTimeout(() => { delete form.dataset.sent; }, 5000);
  });
})();
