// Fields that are searched in are select2's; it leaves nameless what takes the place of a field, and gives the text in it
// the role of a field of its own. Here each gets the name of the field that it stands for, whenever it is made.
"use strict";

/** The texts that name a field: those of its labels, else its own. */
function nameOf(select) {
  const labels = [...(select.labels ?? [])].map((label) => label.textContent.trim().replace(/:$/, ""));
  return labels.join(" ") || select.getAttribute("aria-label") || "";
}

/** What stands for a closed field: its name is that of the field and what is chosen. */
function nameClosed(container) {
  const select = container.previousElementSibling;
  const box = container.querySelector("[role=combobox]");
  if (!select?.matches("select") || !box) return;
  const shown = box.querySelector(".select2-selection__rendered");
  for (const name of ["role", "aria-readonly"]) shown?.removeAttribute(name);
  const name = nameOf(select);
  const tell = () => {
    box.setAttribute("aria-label", [name, shown?.textContent.replace("×", "").trim()].filter(Boolean).join(": "));
    box.setAttribute("aria-controls", box.getAttribute("aria-owns") ?? "");
  };
  box.removeAttribute("aria-labelledby");
  box.setAttribute("aria-haspopup", "listbox");
  if (select.required) box.setAttribute("aria-required", "true");
  box.dataset.name = name;
  new MutationObserver(tell).observe(box, { attributeFilter: ["aria-owns"], childList: true, subtree: true });
  tell();
}

/** The open one: the field to type in, and the list of what was found. */
function nameOpen(dropdown) {
  const box = document.querySelector(".select2-container--open [role=combobox]");
  const name = box?.dataset.name ?? "";
  dropdown.querySelector("input[type=search]")?.setAttribute("aria-label", name);
  const list = dropdown.querySelector("[role=listbox]");
  list?.setAttribute("aria-label", name);
  list?.removeAttribute("aria-expanded");
}

new MutationObserver((changes) => {
  for (const change of changes) {
    for (const added of change.addedNodes) {
      if (!(added instanceof Element)) continue;
      for (const one of [added, ...added.querySelectorAll(".select2-container")]) {
        if (!one.matches(".select2-container")) continue;
        if (one.querySelector(".select2-dropdown")) nameOpen(one);
        else nameClosed(one);
      }
    }
  }
}).observe(document.documentElement, { childList: true, subtree: true });
