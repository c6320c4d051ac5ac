// A real provider that nobody here wrote: `oidc-provider` from npm, on a free port of the loopback.

import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

function key(kty, options, alg) {
  const { privateKey } = generateKeyPairSync(kty, options);
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: alg };
}

// Listens at once, so that the issuer is known; clients are registered later, when their apps have an address.
export async function reserve(port = 0) {
  const server = createServer((_, response) => response.writeHead(503).end());
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${server.address().port}`;
  return {
    issuer,
    port: server.address().port,
    // Serves the provider for these clients. Answers with the deliveries it makes.
    serve(clients, { pairwise = false } = {}) {
      const deliveries = [];
      const provider = new Provider(issuer, {
        clients: clients.map((client) => ({
          grant_types: ['authorization_code'],
          response_types: ['code'],
          token_endpoint_auth_method: client.client_secret ? 'client_secret_basic' : 'none',
          subject_type: pairwise ? 'pairwise' : 'public',
          backchannel_logout_session_required: true,
          ...client,
        })),
        jwks: {
          keys: [
            key('rsa', { modulusLength: 2048 }, 'RS256'),
            key('rsa', { modulusLength: 2048 }, 'PS256'),
            key('ec', { namedCurve: 'P-256' }, 'ES256'),
            key('ed25519', {}, 'EdDSA'),
          ],
        },
        enabledJWA: {
          idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'],
          idTokenEncryptionAlgValues: ['RSA-OAEP-256', 'RSA-OAEP', 'ECDH-ES', 'dir'],
          idTokenEncryptionEncValues: ['A128CBC-HS256', 'A256GCM'],
        },
        features: {
          backchannelLogout: { enabled: true },
          devInteractions: { enabled: true },
          encryption: { enabled: true },
          rpInitiatedLogout: { enabled: true },
        },
        claims: { openid: ['sub', 'sid'] },
        cookies: { keys: ['interop'] },
        subjectTypes: ['public', 'pairwise'],
        pkce: { required: () => true },
        pairwiseIdentifier: (_, accountId, client) => `pairwise-${accountId}-${client.clientId}`,
        findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
        // The provider refuses private addresses by default; these tests live on the loopback.
        fetch: (url, options) => globalThis.fetch(url, { ...options, dispatcher: undefined }),
      });
      provider.on('backchannel.success', (_, client) => deliveries.push({ client: client.clientId, ok: true }));
      provider.on('backchannel.error', (_, error, client) => {
        deliveries.push({ client: client.clientId, ok: false, error: error.message });
      });
      provider.on('server_error', (_, error) => deliveries.push({ ok: false, error: error.stack }));
      server.removeAllListeners('request');
      server.on('request', provider.callback());
      return deliveries;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
