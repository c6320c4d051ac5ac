// Starts one of the example apps and stops it again.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? `${root}/target`;

// The example `name`; resolves once `find` finds what it waits for in the output, kept as `found`.
export async function run(name, flags, find) {
  const child = spawn(`${target}/debug/examples/${name}`, flags, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text) => { errors += text; });
  let printed = '';
  const found = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}: ${errors}`)));
    child.stdout.on('data', (text) => {
      printed += text;
      const result = find(printed);
      if (result) resolve(result);
    });
  });
  return {
    found,
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

// An app that prints where it listens.
export async function start(name, flags = []) {
  const app = await run(name, flags, (text) => /listening on (http:\/\/\S+)\s/.exec(text)?.[1]);
  app.url = app.found;
  return app;
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
