// Keeps the pay page true without loading it again. Everything works without it, by the buttons.
(() => {
  "use strict";
  const region = document.getElementById("pay-state");
  if (!region) return;
  const SHOWN = 2500, HIDDEN = 10000, LONGEST = 30000, GIVE_UP = 3 * 60 * 60 * 1000;
  const began = performance.now();
  let failures = 0, timer = 0, ends = 0;

  const two = (number) => String(number).padStart(2, "0");

  const startCountdown = () => {
    const left = region.querySelector(".countdown");
    ends = left ? performance.now() + Number(left.dataset.seconds) * 1000 : 0;
    tick();
  };

  const tick = () => {
    const left = region.querySelector(".countdown");
    if (!left) return;
    const seconds = Math.max(Math.ceil((ends - performance.now()) / 1000), 0);
    const hours = Math.floor(seconds / 3600);
    const rest = `${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
    left.textContent = hours ? `${hours}:${rest}` : rest;
  };

  const ask = async () => {
    const address = `${region.dataset.status}&key=${encodeURIComponent(region.dataset.key)}`;
    const answer = await fetch(address, { cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    const told = await answer.json();
    if (told.html) {
      region.innerHTML = told.html;
      region.dataset.key = told.key;
      region.dataset.final = told.final ? "yes" : "no";
      startCountdown();
    }
  };

  const pause = () => Math.min((document.hidden ? HIDDEN : SHOWN) * 2 ** failures, LONGEST);

  const poll = async () => {
    try {
      await ask();
      failures = 0;
    } catch {
      failures = Math.min(failures + 1, 4);
    }
    again();
  };

  const again = () => {
    window.clearTimeout(timer);
    if (region.dataset.final === "yes" || performance.now() - began > GIVE_UP) return;
    timer = window.setTimeout(poll, pause());
  };

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && region.dataset.final !== "yes") { window.clearTimeout(timer); poll(); }
  });
  window.setInterval(tick, 1000);
  startCountdown();
  again();
})();
