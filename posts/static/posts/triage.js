// The triage by keyboard: j and k go from row to row, Enter opens one, x picks it, a picks all, u goes back.
"use strict";

const rows = [...document.querySelectorAll("[data-row]")];
const pickAll = document.querySelector("[data-pick-all]");
let current = -1;

function boxOf(row) {
  return row.querySelector("input[type=checkbox]");
}

function go(step) {
  if (rows.length === 0) return;
  rows[current]?.classList.remove("current");
  current = Math.min(Math.max(current + step, 0), rows.length - 1);
  rows[current].classList.add("current");
  (rows[current].querySelector("a") ?? boxOf(rows[current]))?.focus();
}

function pickEach(isPicked) {
  for (const row of rows) {
    const box = boxOf(row);
    if (box) box.checked = isPicked;
  }
  if (pickAll) pickAll.checked = isPicked;
}

function pick() {
  const box = rows[current] && boxOf(rows[current]);
  if (box) box.checked = !box.checked;
}

const keys = {
  j: () => go(1),
  k: () => go(-1),
  x: pick,
  a: () => pickAll && pickEach(!pickAll.checked),
  u: () => document.querySelector("[data-back]")?.click(),
};

function isTyping(target) {
  return target.matches("textarea, select, input:not([type=checkbox], [type=radio])");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const does = keys[event.key];
  if (does) {
    event.preventDefault();
    does();
  }
});
pickAll?.addEventListener("change", () => pickEach(pickAll.checked));
for (const shown of document.querySelectorAll(".keys")) shown.hidden = rows.length === 0;
