// Elements made of values; texts are only ever texts.

/** An element with properties, data-* under `data`, and children (texts or elements). */
export function element(name, { data = {}, ...properties } = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  Object.assign(made.dataset, data);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A button that does not send its form. */
export function button(text, onClick, properties = {}) {
  const made = element("button", { type: "button", className: "quiet", ...properties }, text);
  made.addEventListener("click", onClick);
  return made;
}

/** Let an <img> show the thumbnail of a file as soon as there is one; without one it is hidden. */
export async function showThumbnail(picture, asset, api) {
  const address = await api.thumbnail(asset).catch(() => "");
  if (address) picture.src = address;
  else picture.hidden = true;
}
