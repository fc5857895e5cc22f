// The calendar by mouse: a post that is dragged to another day keeps its time of day. The server decides; what it shows
// afterwards takes the place of what was there, so that a refused post is back where it was, and in its present state.
"use strict";

const calendar = document.querySelector("[data-calendar]");
const said = calendar.querySelector("[data-said]");
let dragged = null;

function say(sentences, isRefused) {
  said.classList.toggle("refused", isRefused);
  said.textContent = sentences.join(" ");
}

function dayAt(target) {
  return target.closest?.("[data-day]");
}

async function answerOf(response) {
  const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
  return isJson ? { isDone: response.ok, ...(await response.json()) } : { isDone: false, detail: calendar.dataset.failed };
}

async function showAnew() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-days]");
  if (fresh) calendar.querySelector("[data-days]").replaceWith(fresh);
}

async function move(entry, day) {
  const { move: address, seen, time } = entry.dataset;
  try {
    const response = await fetch(address, {
      method: "POST",
      headers: { Accept: "application/json", "X-CSRFToken": calendar.dataset.token },
      body: new URLSearchParams({ day, time, seen }),
    });
    const answer = await answerOf(response);
    say([answer.detail, ...(answer.warnings ?? [])], !answer.isDone);
    await showAnew();
  } catch {
    say([calendar.dataset.failed], true);
  } finally {
    entry.classList.remove("dragged");
    document.getElementById(entry.id)?.querySelector("a")?.focus();
  }
}

calendar.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.("[data-move]") ?? null;
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.querySelector("a").href);
  dragged.classList.add("dragged");
});

calendar.addEventListener("dragover", (event) => {
  const day = dragged && dayAt(event.target);
  for (const one of calendar.querySelectorAll(".day.over")) if (one !== day) one.classList.remove("over");
  if (!day) return;
  event.preventDefault();
  day.classList.add("over");
});

calendar.addEventListener("drop", (event) => {
  const day = dragged && dayAt(event.target);
  if (!day) return;
  event.preventDefault();
  const entry = dragged;
  dragged = null;
  day.classList.remove("over");
  if (day === dayAt(entry)) entry.classList.remove("dragged");
  else move(entry, day.dataset.day);
});

calendar.addEventListener("dragend", () => {
  for (const one of calendar.querySelectorAll(".day.over")) one.classList.remove("over");
  dragged?.classList.remove("dragged");
  dragged = null;
});
