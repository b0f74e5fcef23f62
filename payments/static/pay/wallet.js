// Has WeChat open its cashier with the arguments on the page. What it answers proves nothing: the shop asks WeChat Pay.
(() => {
  "use strict";
  const wallet = document.getElementById("wallet");
  if (!wallet) return;
  const NAMES = ["appId", "timeStamp", "nonceStr", "package", "signType", "paySign"];
  const PATIENCE = 4000;
  const again = document.getElementById("again");

  const say = (what) => {
    for (const words of wallet.querySelectorAll("[data-says]")) words.hidden = words.dataset.says !== what;
    again.hidden = what === "wait" || what === "outside";
  };

  const call = () => {
    const given = Object.fromEntries(NAMES.map((name) => [name, wallet.getAttribute(`data-call-${name}`)]));
    say("wait");
    window.WeixinJSBridge.invoke("getBrandWCPayRequest", given, (answer) => {
      const told = String((answer && answer.err_msg) || "");
      if (told.endsWith(":ok")) window.location.assign(wallet.dataset.after);
      else say(told.endsWith(":cancel") ? "canceled" : "failed");
    });
  };

  again.addEventListener("click", call);
  if (window.WeixinJSBridge) {
    call();
    return;
  }
  const giveUp = window.setTimeout(() => say("outside"), PATIENCE);
  document.addEventListener("WeixinJSBridgeReady", () => {
    window.clearTimeout(giveUp);
    call();
  });
})();
