// A dialog in which a file of the library is chosen, or uploaded.
import { button, element, showThumbnail } from "./dom.js";

const AT_ONCE = 24;
const DEBOUNCE_MS = 300;

export class Picker {
  constructor({ dialog, api, words }) {
    Object.assign(this, { dialog, api, words });
    this.files = dialog.querySelector("[data-files]");
    this.said = dialog.querySelector("[data-picker-said]");
    this.find = dialog.querySelector("[data-find]");
    this.more = dialog.querySelector("[data-more-files]");
    this.upload = dialog.querySelector("[data-upload]");
    this.offset = 0;
    dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => this.done?.(null));
    this.more.addEventListener("click", () => this.show({ isMore: true }));
    this.upload.addEventListener("change", () => this.take());
    this.find.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.show(), DEBOUNCE_MS);
    });
  }

  /** The file that the person chooses; null = none. */
  choose() {
    this.dialog.showModal();
    this.show();
    return new Promise((resolve) => {
      this.done = (asset) => {
        this.done = null;
        resolve(asset);
        this.dialog.close();
      };
    });
  }

  async show({ isMore = false } = {}) {
    this.offset = isMore ? this.offset + AT_ONCE : 0;
    const query = new URLSearchParams({ limit: AT_ONCE, offset: this.offset });
    if (this.find.value.trim().length > 1) query.set("q", this.find.value.trim());
    const asked = (this.asked = query.toString());
    try {
      const { answer } = await this.api.call("GET", `media?${query}`);
      if (asked !== this.asked) return;
      const items = answer.media.map((asset) => this.item(asset));
      if (isMore) this.files.append(...items);
      else this.files.replaceChildren(...items);
      this.more.hidden = this.offset + items.length >= answer.total;
      this.said.textContent = answer.total ? "" : this.words.noFiles;
    } catch (refusal) {
      this.said.textContent = refusal.message || this.words.silent;
    }
  }

  item(asset) {
    const picture = element("img", { alt: "" });
    showThumbnail(picture, asset, this.api);
    const name = element("span", { className: "name" }, asset.filename);
    const chosen = button("", () => this.done?.(asset), { className: "choice" });
    chosen.append(picture, name);
    return element("li", {}, chosen);
  }

  async take() {
    const [file] = this.upload.files;
    if (!file) return;
    this.said.textContent = this.words.uploading.replace("%s", file.name);
    const form = new FormData();
    form.append("file", file);
    try {
      const { answer } = await this.api.call("POST", "media/upload", form);
      this.said.textContent = "";
      this.done?.(answer);
    } catch (refusal) {
      this.said.textContent = refusal.faults?.[0]?.message || refusal.message || this.words.silent;
    } finally {
      this.upload.value = "";
    }
  }
}
