// Another real provider that nobody here wrote: `better-auth` with its OAuth provider, on a free port of the loopback.

import { once } from 'node:events';
import { createServer } from 'node:http';

import { oauthProvider } from '@better-auth/oauth-provider';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { toNodeHandler } from 'better-auth/node';
import { jwt } from 'better-auth/plugins/jwt';

const tables = [
  'user', 'session', 'account', 'verification', 'rateLimit', 'jwks', 'oauthClient', 'oauthResource', 'oauthClientResource',
  'oauthRefreshToken', 'oauthAccessToken', 'oauthConsent', 'oauthClientAssertion',
];

// Listens, with these customers. Everything it signs is signed with `alg`.
export async function betterAuthProvider(alg, customers) {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  const log = [];
  const auth = betterAuth({
    baseURL: url,
    secret: 'interop tests, nothing here is kept',
    database: memoryAdapter(Object.fromEntries(tables.map((table) => [table, []]))),
    emailAndPassword: { enabled: true },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    // It logs a delivery that failed, and nothing for one that worked.
    logger: { level: 'warn', log: (level, message, ...rest) => log.push([level, message, ...rest].join(' ')) },
    plugins: [
      jwt({ jwks: { keyPairConfig: { alg } } }),
      oauthProvider({ loginPage: '/sign-in', consentPage: '/consent', silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true } }),
    ],
  });
  const ids = {};
  for (const name of customers) {
    const body = { name, email: email(name), password: 'correct horse' };
    ids[name] = (await auth.api.signUpEmail({ body })).user.id;
  }
  const handler = toNodeHandler(auth);
  server.on('request', (request, response) => {
    // `fetch` says it is a script; what comes with GET here stands for a browser that goes to a page.
    if (request.method === 'GET') request.headers['sec-fetch-mode'] = 'navigate';
    handler(request, response);
  });
  const issuer = `${url}/api/auth`;
  return {
    issuer,
    ids,
    log,
    // Its registration endpoint takes public `https` addresses only, so the client goes where registration would put it.
    async register({ clientId, redirectUri, logoutUri }) {
      const { adapter } = await auth.$context;
      await adapter.create({
        model: 'oauthClient',
        data: {
          clientId,
          redirectUris: [redirectUri],
          backchannelLogoutUri: logoutUri,
          backchannelLogoutSessionRequired: true,
          tokenEndpointAuthMethod: 'none',
          grantTypes: ['authorization_code'],
          responseTypes: ['code'],
          scopes: ['openid', 'profile'],
          skipConsent: true,
          createdAt: new Date(),
          updatedAt: new Date(),
        },
      });
    },
    // What its login page would do: it is the application's to bring one. Answers where to go next.
    async signIn(agent, page, name) {
      const oauth_query = new URL(page.url).search.slice(1);
      const answer = await call(agent, '/sign-in/email', { email: email(name), password: 'correct horse', oauth_query });
      return answer.url;
    },
    // Ends the session of this browser at the provider.
    signOut: (agent) => call(agent, '/sign-out', {}),
    // Ends all sessions of the customer from the browser of one of them.
    revokeSessions: (agent) => call(agent, '/revoke-sessions', {}),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  async function call(agent, path, body) {
    const response = await agent.request(`${issuer}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: url },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }
}

const email = (name) => `${name}@example.com`;
