// Stands between a provider and the endpoint of an app, and keeps what the provider sent.

import { once } from 'node:events';
import { createServer } from 'node:http';

export async function relay() {
  const seen = [];
  let target;
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { 'content-type': type } = request.headers;
    const answer = await fetch(target, { method: request.method, headers: { 'content-type': type }, body });
    const text = await answer.text();
    seen.push({ token: new URLSearchParams(body.toString()).get('logout_token'), type, status: answer.status, text });
    response.writeHead(answer.status, { 'cache-control': answer.headers.get('cache-control') }).end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}/backchannel-logout`,
    // Every delivery: the token, and how the app answered.
    seen,
    to(url) { target = url; },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

// The header and the claims of a signed token.
export function read(token) {
  const [header, claims] = token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  return { header, claims };
}
