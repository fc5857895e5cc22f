// The parts of a post: a text each, with its files. One part is a post, more are a thread.
import { button, element, showThumbnail } from "./dom.js";

export class Parts {
  /** `list`: the element that holds them; `choose`: gives a file of the library, or null; `changed`: is told. */
  constructor({ list, words, api, choose, changed }) {
    Object.assign(this, { list, words, api, choose, changed });
    list.addEventListener("input", changed);
  }

  get rows() {
    return [...this.list.children];
  }

  /** Texts and files in order, as the API takes them. */
  read() {
    return this.rows.map((row) => ({
      content: row.querySelector("textarea").value,
      media: [...row.querySelectorAll("[data-asset]")].map((file) => {
        const alt = file.querySelector("input").value;
        return { ...JSON.parse(file.dataset.more), id: file.dataset.asset, ...(alt ? { alt_text: alt } : {}) };
      }),
    }));
  }

  add({ content = "", media = [] } = {}) {
    const files = element("ul", { className: "media" });
    const row = element(
      "li",
      { className: "part" },
      element("div", { className: "part-head" }, element("label", {}), button(this.words.remove, () => this.remove(row))),
      element("textarea", { rows: 5, value: content }),
      element("ul", { className: "counters" }),
      files,
      button(this.words.addFile, async () => {
        const asset = await this.choose();
        if (!asset) return;
        this.attach(files, asset);
        this.changed();
      }),
    );
    this.list.append(row);
    for (const file of media) this.attach(files, file);
    this.number();
    return row;
  }

  /** Show a file with its alt text; `used`: how this post has it (fit, role, its own alt text). */
  attach(files, asset, used = {}) {
    const { id, alt_text: own, ...more } = used;
    const picture = element("img", { alt: "" });
    showThumbnail(picture, asset, this.api);
    const words = element("input", { type: "text", value: own ?? asset.alt_text ?? "", "aria-label": this.words.altText, placeholder: this.words.altText });
    const item = element(
      "li",
      { data: { asset: asset.id, more: JSON.stringify(more) } },
      picture,
      element("div", { className: "file" }, element("span", { className: "name" }, asset.filename), words),
      button(this.words.earlier, () => {
        item.previousElementSibling?.before(item);
        this.changed();
      }, { "aria-label": `${this.words.earlier}: ${asset.filename}` }),
      button(this.words.remove, () => {
        item.remove();
        this.changed();
      }, { "aria-label": `${this.words.remove}: ${asset.filename}` }),
    );
    files.append(item);
  }

  remove(row) {
    row.remove();
    this.number();
    this.changed();
    this.rows[0].querySelector("textarea").focus();
  }

  number() {
    for (const [at, row] of this.rows.entries()) {
      const text = row.querySelector("textarea");
      text.id = `part-${at + 1}`;
      const label = row.querySelector("label");
      label.htmlFor = text.id;
      label.textContent = this.rows.length > 1 ? this.words.part.replace("%s", at + 1) : this.words.text;
      row.querySelector(".part-head button").hidden = this.rows.length === 1;
    }
  }

  /** Where the counters of a part are shown; null = there is no such part. */
  counters(at) {
    return this.rows[at]?.querySelector(".counters") ?? null;
  }
}
