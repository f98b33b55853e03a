"use strict";
// Filters, order, themes and copying. The page is complete without any of it.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  for (const element of all(".needs-script")) element.hidden = false;

  const theme = document.getElementById("theme");
  const themes = [["", "as the system"], ["light", "light"], ["dark", "dark"]];
  let chosen = 0;
  theme.addEventListener("click", () => {
    chosen = (chosen + 1) % themes.length;
    const [name, said] = themes[chosen];
    if (name) document.documentElement.dataset.theme = name;
    else delete document.documentElement.dataset.theme;
    theme.textContent = `Theme: ${said}`;
  });

  const copied = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // A page from a file may not reach the clipboard: leave the text selected.
      getSelection().selectAllChildren(code);
      return document.execCommand("copy");
    }
    return true;
  };
  for (const button of all("button.copy")) {
    button.addEventListener("click", async () => {
      const done = await copied(button.previousElementSibling);
      button.textContent = done ? "Copied" : "Selected: press Ctrl-C";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }

  addEventListener("beforeprint", () => {
    for (const folded of all("details:not([open])")) {
      folded.open = true;
      folded.dataset.folded = "";
    }
  });
  addEventListener("afterprint", () => {
    for (const opened of all("details[data-folded]")) {
      opened.open = false;
      delete opened.dataset.folded;
    }
  });

  const form = document.getElementById("filters");
  if (!form) return;
  const items = all("[data-item]");
  const counted = new Set(items.map((item) => item.dataset.item)).size;
  const texts = new Map();
  for (const item of items) {
    const name = item.dataset.item;
    texts.set(name, `${texts.get(name) ?? ""} ${item.textContent.toLowerCase()}`);
  }

  const filter = () => {
    const data = new FormData(form);
    const words = (data.get("text") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const source = data.get("source");
    const isShown = (item) =>
      ["verdict", "standing"].every((name) =>
        !(name in item.dataset) || data.getAll(name).includes(item.dataset[name])) &&
      (!source || item.dataset.source === source) &&
      words.every((word) => texts.get(item.dataset.item).includes(word));
    const shown = new Set();
    for (const item of items) {
      item.hidden = !isShown(item);
      if (!item.hidden) shown.add(item.dataset.item);
    }
    document.getElementById("shown").textContent = `${shown.size} of ${counted} shown`;
  };

  const order = () => {
    const by = new FormData(form).get("order");
    if (!by) return;
    const rank = (item) => Number(item.dataset[by]);
    const parents = new Map();
    for (const item of items) {
      if (!parents.has(item.parentNode)) parents.set(item.parentNode, []);
      parents.get(item.parentNode).push(item);
    }
    for (const [parent, children] of parents) {
      children.sort((one, other) => rank(one) - rank(other));
      parent.append(...children);
    }
  };

  form.addEventListener("input", filter);
  form.addEventListener("change", order);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { filter(); order(); }));
  // A link to what is hidden shows everything again.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.hidden) {
      form.reset();
      setTimeout(() => target.scrollIntoView(), 50);
    }
  };
  addEventListener("hashchange", reveal);
  filter();
})();
