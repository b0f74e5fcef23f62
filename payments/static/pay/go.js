// Goes on by itself; without it there is the button.
(() => {
  "use strict";
  const go = document.getElementById("go");
  if (!go) return;
  if (go instanceof HTMLFormElement) go.submit();
  else window.location.assign(go.href);
})();
