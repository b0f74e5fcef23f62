// Run in the page; tells what looks.py judges.
(allowed) => {
  const SKIPPED = allowed + ", script, style, template, noscript, svg, pre, code, [translate=no], .material-symbols-outlined, [lang]:not(html)";
  const root = document.documentElement;
  const wanted = (node) => !node.parentElement?.closest(SKIPPED);
  const texts = new Set([document.title]);
  const letters = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const text = node.data.replace(/\s+/g, " ").trim();
    if (!text || !wanted(node)) continue;
    texts.add(text);
    const { fontFamily, fontWeight } = getComputedStyle(node.parentElement);
    const font = `${fontWeight} 24px ${fontFamily}`;
    if (!letters.has(font)) letters.set(font, new Set());
    for (const letter of text) if (letter.trim()) letters.get(font).add(letter);
  }
  for (const name of ["placeholder", "title", "aria-label", "alt"])
    for (const element of document.querySelectorAll(`[${name}]`))
      if (!element.closest(SKIPPED) && element.getAttribute(name).trim()) texts.add(element.getAttribute(name).trim());
  for (const input of document.querySelectorAll("input[type=submit], input[type=button]")) texts.add(input.value);

  // A letter that no font has is drawn as the same box as one that Unicode does not know.
  const canvas = Object.assign(document.createElement("canvas"), { width: 48, height: 40 });
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  const drawn = (letter, font) => {
    brush.clearRect(0, 0, 48, 40);
    brush.font = font;
    brush.fillText(letter, 4, 30);
    return brush.getImageData(0, 0, 48, 40).data.join("");
  };
  const isMissing = (font) => {
    const boxes = new Set(["\u0378", "\u{2FFE0}", "\u{E0FF0}"].map((it) => drawn(it, font)));
    boxes.delete(drawn(" ", font));
    return (letter) => boxes.has(drawn(letter, font));
  };
  const tofu = new Set();
  for (const [font, set] of letters) {
    const missing = isMissing(font);
    for (const letter of set) if (missing(letter)) tofu.add(letter);
  }

  const isSeen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const brokenIcons = [...document.querySelectorAll(".material-symbols-outlined")]
    .filter((it) => isSeen(it) && it.getBoundingClientRect().width > 2.2 * parseFloat(getComputedStyle(it).fontSize))
    .map((it) => it.textContent.trim());

  // Whatever reaches over the right edge must stand in something that can be scrolled to it.
  const reachable = (element) => {
    for (let it = element.parentElement; it && it !== document.body; it = it.parentElement) {
      const { overflowX, position } = getComputedStyle(it);
      if (["auto", "scroll"].includes(overflowX) || position === "fixed") return true;
    }
    return getComputedStyle(element).position === "fixed";
  };
  const cutOff = [...document.querySelectorAll("body *")]
    .filter((it) => it.getBoundingClientRect().right > innerWidth + 1 && it.getBoundingClientRect().width > 1)
    .filter((it) => isSeen(it) && !it.closest("svg") && !reachable(it))
    .map((it) => `${it.tagName.toLowerCase()}.${it.className} ${it.innerText?.trim().slice(0, 40)}`);

  // A cell that is lower than what stands in it hides some of it.
  const cramped = [...document.querySelectorAll("#result_list td, .bo-table td")]
    .filter((cell) => isSeen(cell) && [...cell.children].some((it) => it.getBoundingClientRect().top < cell.getBoundingClientRect().top - 1))
    .map((cell) => cell.innerText.trim().slice(0, 40));

  const labels = [...document.querySelectorAll("label, thead th, button, .bo-card > header h2, .bo-section, nav a, legend, dt, .bo-help, .bo-badge")]
    .filter((it) => !it.closest(SKIPPED) && !it.closest("[lang]:not(html)"))
    .map((it) => it.textContent.trim());

  return {
    lang: root.lang,
    scrollWidth: root.scrollWidth,
    clientWidth: root.clientWidth,
    isWide: root.scrollWidth > root.clientWidth || innerWidth > screen.width && screen.width < 600,
    texts: [...texts].filter(Boolean),
    labels: [...new Set(labels)],
    tofu: [...tofu],
    brokenIcons: [...new Set(brokenIcons)],
    cutOff: cutOff.slice(0, 5),
    cramped: cramped.slice(0, 5),
    title: document.title,
  };
}
