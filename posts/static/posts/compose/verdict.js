// What POST /posts/validate says, shown: counters beside each text, problems and warnings.
import { element } from "./dom.js";

/** The element that the field of a problem is about; "" = none of the page's. */
export function placeOf(field) {
  const thread = /^(?:overrides\.[^.]+\.)?thread\.(\d+)/.exec(field);
  if (thread) return `part-${Number(thread[1]) + 1}`;
  if (/^(content|media)/.test(field)) return "part-1";
  if (/^(accounts|platforms)/.test(field)) return "accounts";
  if (/^(scheduled_time|timezone)/.test(field)) return "when";
  return field.startsWith("first_comment") ? "first-comment" : "";
}

/** One problem as a line: whom it is about, the sentence, and a link to its field. */
export function line(problem, { handles, labels }) {
  const { account_id: account, platform } = problem.params ?? {};
  const who = handles[account] ?? labels[platform] ?? "";
  const place = placeOf(problem.field ?? "");
  const said = place ? element("a", { href: `#${place}` }, problem.message) : problem.message;
  return element("li", {}, who ? element("strong", {}, `${who}: `) : null, said);
}

/** Fill `list` with problems, each sentence once. */
export function fill(list, problems, names) {
  const seen = new Set();
  const lines = problems.filter((one) => {
    const key = `${one.params?.account_id ?? one.params?.platform ?? ""} ${one.message}`;
    return !seen.has(key) && seen.add(key);
  });
  list.replaceChildren(...lines.map((one) => line(one, names)));
}

/** Show how long each text is at each account, as the platform counts. `placed`: part number to its list, or null. */
export function showCounters(verdict, { placed, comments, names, clear }) {
  clear();
  for (const [platform, previews] of Object.entries(verdict.platforms)) {
    for (const preview of previews) {
      const who = names.handles[preview.account_id] ?? names.labels[platform] ?? platform;
      for (const part of preview.parts) {
        const place = part.kind === "comment" ? comments : placed(part.index);
        if (!place || part.length === null) continue;
        const isOver = part.limit !== null && part.length > part.limit;
        const count = part.limit === null ? `${part.length}` : `${part.length} / ${part.limit}`;
        place.append(element("li", { className: isOver ? "over" : "" }, `${who}: `, element("b", {}, count)));
      }
    }
  }
}
