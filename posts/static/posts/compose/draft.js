// What the form says, as the API takes it, and a stored post put back into the form.

/** The body of POST /posts, or of PATCH where `before` (the post as the API showed it) is given.
 *
 * A thread takes the place of a text and a text that of a thread. A time is named only where it was changed, since a
 * field has no seconds. Options that the form cannot show stay as they are.
 */
export function bodyOf(form, parts, { zone, before = null, times = "" }) {
  const fields = new FormData(form);
  const chosen = fields.getAll("account");
  const read = parts.read();
  const body = { accounts: chosen };
  if (read.length > 1) {
    body.thread = read;
    body.post_type = "thread";
  } else {
    body.content = read[0].content;
    body.media = read[0].media;
    body.post_type = fields.get("post_type") ?? "standard";
    if (before) body.thread = [];
    if (body.post_type === "thread") body.post_type = "standard";
  }
  body.first_comment = fields.get("first_comment");
  body.tags = fields.get("tags").split(",").map((tag) => tag.trim()).filter(Boolean);
  body.post_options = optionsOf(form, before?.post_options ?? {});
  if (fields.get("allow_duplicate")) body.allow_duplicate = true;
  const when = fields.get("when");
  if (when === "at" && !(before && times === timesOf(form))) {
    body.scheduled_time = `${fields.get("day")}T${fields.get("time")}`;
    body.timezone = zone;
  }
  if (when === "draft" && before) body.scheduled_time = null;
  return body;
}

/** The body of POST /posts/validate for the same. */
export function triedOf(form, body, before) {
  const when = new FormData(form).get("when");
  const tried = { ...body, ...(when === "now" ? { publish: true } : {}) };
  if (!before) return tried;
  if (tried.thread?.length === 0) delete tried.thread;
  if (when === "draft") delete tried.scheduled_time;
  return { ...tried, id: before.id, overrides: before.overrides };
}

/** Day and time as they stand in the form. */
export function timesOf(form) {
  return `${form.elements.day.value}T${form.elements.time.value}`;
}

function optionsOf(form, before) {
  const found = structuredClone(before);
  for (const group of form.querySelectorAll("[data-options]")) {
    if (group.hidden) continue;
    const options = (found[group.dataset.options] ??= {});
    for (const field of group.querySelectorAll("[data-option]")) {
      const value = valueOf(field);
      if (value === undefined) delete options[field.dataset.option];
      else options[field.dataset.option] = value;
    }
    if (Object.keys(options).length === 0) delete found[group.dataset.options];
  }
  return found;
}

function valueOf({ value, dataset: { kind } }) {
  const text = value.trim();
  if (!text) return undefined;
  if (kind === "boolean") return text === "true";
  if (kind === "number") return Number(text);
  return kind === "lines" ? text.split("\n").map((one) => one.trim()).filter(Boolean) : text;
}

/** Put a stored post into the form; `local`: its time as [day, time] of the form's zone, or null. */
export async function fillIn(form, parts, post, { api, local }) {
  for (const box of form.querySelectorAll("[name=account]")) box.checked = post.accounts.includes(box.value);
  const thread = post.thread.length ? post.thread : [{ content: post.content, media: post.media }];
  for (const part of thread) {
    const { content, media = [] } = typeof part === "string" ? { content: part } : part;
    const files = parts.add({ content }).querySelector(".media");
    for (const one of media) {
      const used = typeof one === "string" ? { id: one } : one;
      const { answer } = await api.call("GET", `media/${used.id}`);
      parts.attach(files, answer, used);
    }
  }
  if (form.elements.post_type) form.elements.post_type.value = post.post_type;
  form.elements.first_comment.value = post.first_comment;
  form.elements.tags.value = post.tags.join(", ");
  for (const field of form.querySelectorAll("[data-option]")) {
    const value = post.post_options[field.closest("[data-options]").dataset.options]?.[field.dataset.option];
    if (value !== undefined) field.value = Array.isArray(value) ? value.join("\n") : String(value);
  }
  if (local) [form.elements.day.value, form.elements.time.value] = local;
  form.elements.when.value = post.scheduled_time ? "at" : "draft";
}

/** A moment (ISO) as [day, time] of a zone. */
export function localOf(moment, zone) {
  const style = { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const parts = Object.fromEntries(new Intl.DateTimeFormat("en", style).formatToParts(new Date(moment)).map((one) => [one.type, one.value]));
  return [`${parts.year}-${parts.month}-${parts.day}`, `${parts.hour}:${parts.minute}`];
}
