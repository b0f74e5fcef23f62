// Conveniences of the back office. Every page works without them.
document.addEventListener("DOMContentLoaded", () => {
  "use strict";

  const on = (type, selector, act) =>
    document.addEventListener(type, (event) => {
      const target = event.target.closest?.(selector);
      if (target) act(event, target);
    });

  on("click", "[data-copy]", async (event, button) => {
    event.preventDefault();
    await navigator.clipboard?.writeText(button.dataset.copy);
    button.classList.add("bo-copied");
    setTimeout(() => button.classList.remove("bo-copied"), 1500);
  });

  // A link to an action's page opens it as a dialog; with a modifier key, or if that fails, it stays a link.
  on("click", "a[data-dialog]", (event, link) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || !window.htmx || !window.Alpine) return;
    event.preventDefault();
    link.closest("[popover]")?.hidePopover();
    window.htmx
      .ajax("GET", link.href, { target: "#modal-content", select: "#dialog", swap: "innerHTML" })
      .then(() => {
        const scope = document.querySelector("[x-data*=theme]");
        window.Alpine.$data(scope).openModal = true;
        document.querySelector("#modal-content :is(input:not([type=hidden]), select, textarea)")?.focus();
      })
      .catch(() => { window.location = link.href; });
  });
  on("click", "[data-close-dialog]", (event) => {
    const scope = document.querySelector("[x-data*=theme]");
    if (!document.querySelector("#modal-content #dialog") || !window.Alpine) return;
    event.preventDefault();
    window.Alpine.$data(scope).openModal = false;
  });
  // A menu opens under its button; where scripts do not run it opens in the middle.
  document.addEventListener("toggle", (event) => {
    const menu = event.target;
    if (event.newState !== "open" || !menu.matches?.(".bo-menu[popover]")) return;
    const button = document.querySelector(`[popovertarget="${menu.id}"]`).getBoundingClientRect();
    const width = menu.offsetWidth;
    menu.style.margin = "0";
    menu.style.left = `${Math.max(8, Math.min(button.right - width, innerWidth - width - 8))}px`;
    const below = button.bottom + 4;
    menu.style.top = `${below + menu.offsetHeight < innerHeight ? below : Math.max(8, button.top - menu.offsetHeight - 4)}px`;
  }, true);

  // The eye: one press shows what is masked, and the server writes down who looked.
  on("click", "a[data-reveal]", async (event, link) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const form = new FormData();
    form.set("field", link.dataset.reveal);
    form.set("address", link.dataset.address ?? "");
    form.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "");
    const answer = await fetch(link.href, { method: "POST", body: form, headers: { "X-Requested-With": "fetch" } });
    if (!answer.ok) { window.location = link.href; return; }
    const { text } = await answer.json();
    const place = link.closest(".bo-masked");
    place.querySelector("[data-revealed]").textContent = text;
    const copy = Object.assign(document.createElement("button"), { type: "button", className: "bo-copy" });
    copy.innerHTML = '<span class="material-symbols-outlined" aria-hidden="true">content_copy</span>';
    copy.dataset.copy = text;
    link.replaceWith(copy);
  });

  // Back to the same place of a list after something was done from it.
  const place = "bo-scroll:" + window.location.pathname + window.location.search;
  on("submit", "#dialog form", () => sessionStorage.setItem(place, String(window.scrollY)));
  window.addEventListener("load", () => {
    const height = sessionStorage.getItem(place);
    if (height !== null) window.scrollTo(0, Number(height));
    sessionStorage.removeItem(place);
  });

  // On a phone each cell names its column; the theme takes every first one for a checkbox. Sorting icons are no name.
  const heads = document.querySelectorAll("#result_list thead th .text");
  for (const cell of document.querySelectorAll("#result_list tbody tr > td:first-child:not(:has(.action-select))"))
    cell.dataset.label = heads[0]?.innerText.trim() ?? "";

  // Countdowns go on counting.
  const clock = (seconds) => {
    const two = (value) => String(value).padStart(2, "0");
    const hours = Math.floor(seconds / 3600);
    return `${hours % 24}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  };
  const days = document.documentElement.lang.startsWith("zh") ? " 天 " : " d ";
  const tick = () => {
    for (const part of document.querySelectorAll("[data-until]")) {
      const left = Math.round((Date.parse(part.dataset.until) - Date.now()) / 1000);
      const length = Math.abs(left);
      const text = (length >= 86400 ? Math.floor(length / 86400) + days : "") + clock(length);
      const template = left < 0 ? part.dataset.late : part.dataset.left;
      const mark = left < 0 ? "▲ " : part.classList.contains("bo-tone-warning") ? "◔ " : "";
      part.textContent = mark + template.replace("%(time)s", text);
      if (left < 0) part.classList.add("bo-tone-bad");
    }
  };
  setInterval(tick, 1000);

  // Rows of a form: one more, one less; a product fills in its title and price.
  on("click", "[data-add-row]", (event, button) => {
    event.preventDefault();
    const rows = document.querySelector(button.dataset.addRow);
    const total = rows.querySelector("input[name$=TOTAL_FORMS]");
    const html = rows.querySelector("template").innerHTML.replaceAll("__prefix__", total.value);
    rows.querySelector("[data-rows]").insertAdjacentHTML("beforeend", html);
    total.value = String(Number(total.value) + 1);
    rows.querySelector("[data-rows] > :last-child :is(select, input:not([type=hidden]))")?.focus();
  });
  on("click", "[data-drop-row]", (event, button) => {
    event.preventDefault();
    const row = button.closest("[data-row]");
    for (const input of row.querySelectorAll("input, select")) input.value = "";
    row.hidden = true;
  });
  on("change", "select[data-product]", (event, select) => {
    const chosen = select.selectedOptions[0]?.dataset;
    const row = select.closest("[data-row]");
    if (!chosen?.title || !row) return;
    row.querySelector("[name$=title]").value = chosen.title;
    row.querySelector("[name$=unit_price]").value = chosen.price;
    const quantity = row.querySelector("[name$=quantity]");
    if (!quantity.value) quantity.value = "1";
  });

  on("click", "[data-print]", () => window.print());

  // Keys: `g` then `o` for orders, and so on; `j`, `k`, `x` and Enter work on the rows of a list; `/` is the theme's.
  const pages = { h: "/admin/", o: "/orders/order/", c: "/customers/customer/", p: "/payments/payment/" };
  const rows = () => [...document.querySelectorAll("#result_list > tbody > tr, #result_list tbody:not([x-show]) > tr")];
  const here = () => document.querySelector("#result_list tr.bo-here");
  const moveBy = (step) => {
    const all = rows();
    const from = all.indexOf(here());
    const to = all[from < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(from + step, 0), all.length - 1)];
    here()?.classList.remove("bo-here");
    to?.classList.add("bo-here");
    to?.scrollIntoView({ block: "nearest" });
  };
  const acts = {
    j: () => moveBy(1),
    k: () => moveBy(-1),
    x: () => here()?.querySelector("input.action-select")?.click(),
    Enter: () => here()?.querySelector("th a[href], td a[href*='/change/']")?.click(),
    "?": () => document.querySelector("dialog.bo-keys")?.showModal(),
  };
  let pressed = "";
  document.addEventListener("keydown", (event) => {
    const busy = "input:not([type=checkbox]), textarea, select, dialog[open]";
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(busy)) return;
    if (event.key === "Enter" && event.target.closest("a, button, [role=button]")) return;
    const page = pressed === "g" && pages[event.key];
    const link = page && document.querySelector(`#nav-sidebar-apps a[href$="${page}"]`);
    const wasChord = pressed === "g" && page;
    pressed = event.key;
    if (link) window.location = link.href;
    if (!wasChord) acts[event.key]?.();
  });
});
