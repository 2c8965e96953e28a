// The least of a browser: cookies, redirects and forms, over plain HTTP and without script.

const MAX_REDIRECTS = 20;

export class Browser {
  #cookies = [];

  /** Opens an address and follows its redirects, like a person who types it in. */
  async open(url, leavesFor) {
    return this.#request(new URL(url), { method: "GET" }, leavesFor);
  }

  /** Submits the form of `page` whose action ends with `action`, with its own fields and `values` over them. */
  async submit(page, action, values = {}, leavesFor) {
    const form = page.form(action);
    const fields = new URLSearchParams();
    for (const { name, value } of form.fields) {
      if (!(name in values)) fields.append(name, value);
    }
    for (const [name, value] of Object.entries(values)) fields.append(name, value);
    const target = new URL(form.action, page.url);
    if (form.method === "GET") {
      target.search = fields.toString();
      return this.#request(target, { method: "GET" }, leavesFor);
    }
    return this.#request(target, { method: "POST", body: fields, headers: { referer: page.url.href } }, leavesFor);
  }

  /** Names of the cookies that would be sent to `url`. */
  cookieNames(url) {
    return this.#cookiesFor(new URL(url)).map(({ name }) => name);
  }

  async #request(url, init, leavesFor) {
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      // Relying parties are not running here: what is sent to them is caught on the way.
      if (leavesFor && sameEndpoint(url, leavesFor)) return { left: url, method: init.method, body: init.body };
      const cookie = this.#cookiesFor(url)
        .map(({ name, value }) => `${name}=${value}`)
        .join("; ");
      const response = await fetch(url, {
        ...init,
        redirect: "manual",
        headers: { accept: "text/html", ...init.headers, ...(cookie && { cookie }) },
      });
      this.#store(url, response.headers.getSetCookie());
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || !location) {
        return new Page(url, response, await response.text());
      }
      await response.arrayBuffer();
      url = new URL(location, url);
      init = { method: "GET" };
    }
    throw new Error(`more than ${MAX_REDIRECTS} redirects, the last one to ${url}`);
  }

  #cookiesFor(url) {
    const now = Date.now();
    return this.#cookies.filter(
      ({ host, path, expires }) =>
        host === url.hostname &&
        (expires === undefined || expires > now) &&
        (url.pathname === path || url.pathname.startsWith(path.endsWith("/") ? path : `${path}/`)),
    );
  }

  #store(url, headers) {
    for (const header of headers) {
      const [pair, ...attributes] = header.split(";").map((part) => part.trim());
      const separator = pair.indexOf("=");
      const cookie = {
        name: pair.slice(0, separator),
        value: pair.slice(separator + 1),
        host: url.hostname,
        path: url.pathname.slice(0, Math.max(1, url.pathname.lastIndexOf("/"))),
        expires: undefined,
      };
      for (const attribute of attributes) {
        const [name, ...rest] = attribute.split("=");
        const value = rest.join("=");
        if (/^path$/i.test(name) && value.startsWith("/")) cookie.path = value;
        if (/^expires$/i.test(name)) cookie.expires ??= Date.parse(value);
        if (/^max-age$/i.test(name)) cookie.expires = Date.now() + Number(value) * 1000;
      }
      this.#cookies = this.#cookies.filter(
        ({ name, host, path }) => !(name === cookie.name && host === cookie.host && path === cookie.path),
      );
      if (cookie.expires === undefined || cookie.expires > Date.now()) this.#cookies.push(cookie);
    }
  }
}

/** An answer that is not a redirect. */
export class Page {
  constructor(url, response, html) {
    this.url = url;
    this.status = response.status;
    this.headers = response.headers;
    this.html = html;
  }

  get title() {
    return decode(/<title[^>]*>([\s\S]*?)<\/title>/i.exec(this.html)?.[1] ?? "").replace(/\s+/g, " ").trim();
  }

  /** The one form whose action ends with `action`. */
  form(action) {
    const forms = this.forms().filter((form) => form.action.endsWith(action));
    if (forms.length === 0) {
      const others = this.forms().map((form) => form.action);
      throw new Error(
        `no form ${action} on ${this.url} (status ${this.status}, title “${this.title}”, forms: ${others.join(", ") || "none"})`,
      );
    }
    return forms[0];
  }

  forms() {
    return [...this.html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, opening, content]) => {
      const form = attributesOf(opening);
      const fields = [...content.matchAll(/<input\b([^>]*)>/gi)]
        .map(([, input]) => attributesOf(input))
        .filter(({ name, type }) => name && type !== "submit" && type !== "checkbox" && type !== "radio")
        .map(({ name, value }) => ({ name, value: value ?? "" }));
      return { action: form.action ?? this.url.pathname, method: (form.method ?? "get").toUpperCase(), fields };
    });
  }
}

function sameEndpoint(url, other) {
  const target = new URL(other);
  return url.origin === target.origin && url.pathname === target.pathname;
}

function attributesOf(tag) {
  const attributes = {};
  for (const [, name, , doubleQuoted, singleQuoted, bare] of tag.matchAll(
    /([\w:-]+)(\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g,
  )) {
    attributes[name.toLowerCase()] = decode(doubleQuoted ?? singleQuoted ?? bare ?? "");
  }
  return attributes;
}

function decode(text) {
  const named = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (entity, hexadecimal, decimal, name) => {
    if (hexadecimal) return String.fromCodePoint(Number.parseInt(hexadecimal, 16));
    if (decimal) return String.fromCodePoint(Number(decimal));
    return named[name] ?? entity;
  });
}
