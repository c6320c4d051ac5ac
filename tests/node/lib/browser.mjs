// A browser of the poor: cookies per host and port, redirects followed by hand, forms posted as they stand in the page.

export class Agent {
  #jars = new Map();

  #jar(url) {
    const { host } = new URL(url);
    if (!this.#jars.has(host)) this.#jars.set(host, new Map());
    return this.#jars.get(host);
  }

  async request(url, options = {}) {
    const jar = this.#jar(url);
    const headers = new Headers(options.headers);
    if (jar.size) headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '));
    const response = await fetch(url, { ...options, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(';');
      const [name, ...value] = pair.split('=');
      const gone = attributes.some((text) => /^\s*(max-age=0|expires=thu, 01 jan 1970)/i.test(text));
      if (gone) jar.delete(name.trim());
      else jar.set(name.trim(), value.join('='));
    }
    return response;
  }

  // Follows redirects to the page at their end.
  async visit(url, options = {}) {
    let next = url;
    let current = options;
    for (let hops = 0; hops < 20; hops += 1) {
      const response = await this.request(next, current);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status > 399 || !location) {
        return { url: next, status: response.status, text: await response.text() };
      }
      next = new URL(location, next).href;
      current = {};
    }
    throw new Error(`too many redirects, the last one to ${next}`);
  }

  // Posts the first form of a page, with some of its fields filled in.
  submit(page, fields = {}) {
    const form = /<form[^>]*action="([^"]+)"[^>]*>([\s\S]*?)<\/form>/i.exec(page.text);
    if (!form) throw new Error(`no form in ${page.url}: ${page.text.slice(0, 400)}`);
    const body = new URLSearchParams();
    for (const [tag] of form[2].matchAll(/<(?:input|button)[^>]*>/gi)) {
      const name = /name="([^"]+)"/.exec(tag)?.[1];
      const value = /value="([^"]*)"/.exec(tag)?.[1] ?? '';
      if (name) body.set(name, value);
    }
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    const action = new URL(form[1].replaceAll('&amp;', '&'), page.url).href;
    return this.visit(action, { method: 'POST', body });
  }
}
