// The API as a browser's session speaks to it: with its CSRF token, about one workspace.

const LOOK_AGAIN_MS = 500;
const MOST_LOOKS = 120;

/** An answer that is no success: its status, its sentence, and the faults by field. `status` 0 = there was none. */
export class Refused extends Error {
  constructor(status, answer) {
    super(answer?.detail ?? "");
    this.status = status;
    this.faults = answer?.errors ?? [];
  }
}

export class Api {
  constructor({ workspace, token }) {
    this.headers = { "X-Workspace": workspace, "X-CSRFToken": token, Accept: "application/json" };
  }

  /** What the API answers, with its ETag. Raises Refused. `body`: an object, or a form with a file. */
  async call(method, path, body, { headers = {}, signal } = {}) {
    const isForm = body instanceof FormData;
    const type = body === undefined || isForm ? {} : { "Content-Type": "application/json" };
    let response;
    try {
      response = await fetch(`/api/v2/${path}`, {
        method,
        signal,
        headers: { ...this.headers, ...type, ...headers },
        body: body === undefined || isForm ? body : JSON.stringify(body),
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused(0, null);
    }
    const answer = await response.json().catch(() => null);
    if (!response.ok || answer === null) throw new Refused(response.ok ? 0 : response.status, answer);
    return { answer, etag: response.headers.get("ETag") };
  }

  /** The thumbnail of a file as a data: address, once it is made; "" = there is none. */
  async thumbnail(asset) {
    let shown = asset;
    for (let tries = 0; shown.status === "processing" && tries < MOST_LOOKS; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      shown = (await this.call("GET", `media/${asset.id}`)).answer;
    }
    return shown.status === "ready" ? this.picture(shown.thumbnail_url) : "";
  }

  /** A picture as a data: address; "" = there is none. An <img> could not say which workspace is meant. */
  async picture(path) {
    const response = await fetch(path, { headers: { ...this.headers, Accept: "*/*" } }).catch(() => null);
    if (!response?.ok) return "";
    const blob = await response.blob();
    return new Promise((resolve) => {
      const reader = new FileReader();
      reader.addEventListener("load", () => resolve(reader.result));
      reader.addEventListener("error", () => resolve(""));
      reader.readAsDataURL(blob);
    });
  }
}

/** A key under which a request is carried out once, however often it is sent; also where the page comes by plain HTTP. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");
}
