// The page on which a post is written: it asks the API what it would say while one writes, and saves there.
import { Api, newKey, Refused } from "./api.js";
import { bodyOf, fillIn, localOf, timesOf, triedOf } from "./draft.js";
import { Parts } from "./parts.js";
import { Picker } from "./picker.js";
import { fill, showCounters } from "./verdict.js";

const DEBOUNCE_MS = 350;

const config = JSON.parse(document.getElementById("compose-config").textContent);
const { words } = config;
const form = document.querySelector("[data-compose]");
const find = (name) => document.querySelector(`[data-${name}]`);
const api = new Api({ workspace: config.workspace, token: form.elements.csrfmiddlewaretoken.value });
const picker = new Picker({ dialog: find("picker"), api, words });
const parts = new Parts({ list: find("parts"), words, api, choose: () => picker.choose(), changed });
const comments = find("counters-of-comment");
const save = find("save");
let stored = { post: null, etag: null, times: "" };
let timer, asking;
let hasChanged = false;
let sent = { text: "", key: "" };

function current() {
  return bodyOf(form, parts, { zone: config.zone, before: stored.post, times: stored.times });
}

function changed() {
  hasChanged = true;
  arrange();
  clearTimeout(timer);
  timer = setTimeout(check, DEBOUNCE_MS);
}

/** Show just what the choices ask for. */
function arrange() {
  const when = form.elements.when.value;
  save.textContent = { draft: words.draft, at: words.schedule, now: words.publish }[when];
  form.querySelector(".moment").hidden = when !== "at";
  const chosen = new Set([...form.querySelectorAll("[name=account]:checked")].map((box) => box.dataset.platform));
  for (const group of form.querySelectorAll("[data-options]")) group.hidden = !chosen.has(group.dataset.options);
}

async function check() {
  asking?.abort();
  asking = new AbortController();
  find("standing").textContent = words.checking;
  try {
    const tried = triedOf(form, current(), stored.post);
    show((await api.call("POST", "posts/validate", tried, { signal: asking.signal })).answer);
  } catch (refusal) {
    if (refusal.name === "AbortError") return;
    show({ problems: refusal.faults ?? [], warnings: [], platforms: {} });
    if (!refusal.faults?.length) find("standing").textContent = refusal.message || words.silent;
  }
}

function show(verdict) {
  find("standing").textContent = verdict.problems.length ? "" : words.nothing;
  find("standing").hidden = verdict.problems.length > 0;
  fill(find("problems"), verdict.problems, config);
  fill(find("warnings"), verdict.warnings, config);
  showCounters(verdict, {
    placed: (at) => parts.counters(at),
    comments,
    names: config,
    clear: () => [...form.querySelectorAll(".counters")].forEach((list) => list.replaceChildren()),
  });
}

function refuse(sentence, faults = []) {
  const place = find("refused");
  place.hidden = false;
  place.textContent = sentence;
  if (faults.length) {
    find("standing").hidden = true;
    fill(find("problems"), faults, config);
  }
}

function sentenceOf(refusal) {
  if (!(refusal instanceof Refused)) throw refusal;
  if (refusal.status === 0) return words.silent;
  if (refusal.status === 401 || refusal.status === 403) return refusal.message || words.signedOut;
  return refusal.status === 412 ? words.stale : refusal.message;
}

/** The same body is sent under the same key, so that a second try after a lost answer makes no second post. */
function keyFor(body) {
  const text = JSON.stringify(body);
  if (text !== sent.text) sent = { text, key: newKey() };
  return { "Idempotency-Key": sent.key };
}

async function stores(body, isNow) {
  if (!stored.post) {
    const wanted = isNow ? { ...body, publish: true } : body;
    return (await api.call("POST", "posts", wanted, { headers: keyFor(wanted) })).answer;
  }
  const path = `posts/${stored.post.id}`;
  const { answer, etag } = await api.call("PATCH", path, body, { headers: { "If-Match": stored.etag } });
  stored = { ...stored, etag };
  if (!isNow) return answer;
  return (await api.call("POST", `${path}/publish`, body.allow_duplicate ? { allow_duplicate: true } : {})).answer.post ?? answer;
}

async function submit(event) {
  event.preventDefault();
  find("refused").hidden = true;
  save.disabled = true;
  save.textContent = words.saving;
  try {
    const post = await stores(current(), form.elements.when.value === "now");
    hasChanged = false;
    saved(post);
  } catch (refusal) {
    refuse(sentenceOf(refusal), refusal.faults);
  } finally {
    save.disabled = false;
    arrange();
  }
}

function saved(post) {
  form.hidden = true;
  const place = find("saved");
  place.hidden = false;
  find("saved-post").href = config.after.replace("/0/", `/${post.id}/`);
  fill(find("saved-warnings"), post.warnings, config);
  place.focus();
}

async function begin() {
  if (config.post) {
    const { answer, etag } = await api.call("GET", `posts/${config.post}`);
    const local = answer.scheduled_time ? localOf(answer.scheduled_time, config.zone) : null;
    await fillIn(form, parts, answer, { api, local });
    stored = { post: answer, etag, times: answer.scheduled_time ? timesOf(form) : "" };
    await check();
  } else {
    parts.add();
  }
  arrange();
  form.dataset.ready = "true";
}

form.addEventListener("input", (event) => {
  if (!find("parts").contains(event.target)) changed();
});
form.addEventListener("submit", submit);
find("add-part").addEventListener("click", () => {
  parts.add().querySelector("textarea").focus();
  changed();
});
window.addEventListener("beforeunload", (event) => {
  if (hasChanged) event.preventDefault();
});
begin().catch((refusal) => refuse(sentenceOf(refusal)));
