// Starts one of the example apps and stops it again.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? `${root}/target`;

// The example `name`; resolves once it prints that it listens.
export async function start(name, flags = []) {
  const child = spawn(`${target}/debug/examples/${name}`, flags, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text) => { errors += text; });
  const lines = createInterface({ input: child.stdout });
  const printed = [];
  const listening = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}: ${errors}`)));
    lines.on('line', (line) => {
      printed.push(line);
      const url = /listening on (http:\/\/\S+)/.exec(line)?.[1];
      if (url) resolve(url);
    });
  });
  const url = await listening;
  return {
    url,
    printed,
    get errors() { return errors; },
    // SIGTERM; resolves to the exit code.
    async stop() {
      if (child.exitCode !== null) return child.exitCode;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      const [code] = await gone;
      return code;
    },
  };
}

// Reads server-sent events until the stream closes; resolves to the names of the events.
export async function eventNames(response) {
  const names = [];
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    let end = text.indexOf('\n\n');
    while (end >= 0) {
      const name = /^event: ?(.*)$/m.exec(text.slice(0, end))?.[1];
      if (name) names.push(name.trim());
      text = text.slice(end + 2);
      end = text.indexOf('\n\n');
    }
  }
  return names;
}
