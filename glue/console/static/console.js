// What the pages do better with a script. None of it is needed.

"use strict";

(() => {
  const EVERY = 10; // Seconds; rules are evaluated as often.

  // Times are shown in this browser's zone, which the server cannot know by itself.
  const root = document.documentElement.dataset.root;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes("tonypi_console_zone=")) {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie =
      `tonypi_console_zone=${zone}; Path=${root}; Max-Age=31536000; SameSite=Lax${secure}`;
  }

  // Live parts are fetched again with their page, and put in the place of the old ones.
  const live = document.querySelectorAll("[data-live]");
  const told = document.getElementById("freshness");

  async function refresh() {
    if (document.hidden || !navigator.onLine) return;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const fresh = page.getElementById(part.id);
        // Nobody loses what they are typing or have marked.
        const busy = part.contains(document.activeElement) || part.querySelector(":checked");
        if (fresh && !busy) part.replaceWith(document.adoptNode(fresh));
      }
      if (told) told.textContent = `Updated ${new Date().toLocaleTimeString()}`;
    } catch {
      if (told) told.textContent = "Not updated: the service does not answer.";
    }
  }
  if (live.length) setInterval(refresh, 1000 * (live[0].dataset.live || EVERY));

  // Mark all rows of a table.
  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-all]");
    if (!all) return;
    for (const box of document.getElementsByName(all.dataset.all)) box.checked = all.checked;
  });

  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) return event.preventDefault();
    event.target.dataset.sent = "1";
    event.submitter?.setAttribute("aria-busy", "true");
  });
  // Back to a page that the browser kept: its forms may be sent again.
  addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
    for (const busy of document.querySelectorAll("[aria-busy]")) busy.removeAttribute("aria-busy");
  });

  // Only the fields that the chosen command takes.
  const type = document.getElementById("type");
  function fitting() {
    for (const part of document.querySelectorAll("[data-for]")) {
      part.hidden = part.dataset.for !== type.value;
    }
  }
  if (type) {
    type.addEventListener("change", fitting);
    fitting();
  }
})();
